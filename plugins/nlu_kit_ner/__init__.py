"""Bundled heads `ner` and `crf_ner`: entities as tags of words."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from nlu_kit.plugin import HeadSpec, SpanParams, hookimpl, lazy

NLU_KIT_CONTRACT = 2


Scheme = Literal["bio", "bilou"]
Pooling = Literal["first", "mean"]
Reduction = Literal["word", "sentence"]


class TaggerParams(SpanParams):
    """What every head that tags words has."""

    scheme: Scheme = Field(
        default="bio",
        description="The tags of each label: begin and inside; or begin, inside, last and unit (an entity of one "
        "word), which tells more about where entities end and needs more data.",
    )
    pooling: Pooling = Field(
        default="first",
        description="How the subwords of a word become its vector: the first one's, or their mean.",
    )
    shapes: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description="Width of an embedding of how each word is written (lower, Title, UPPER, digits, …), appended to "
        "its vector: what an uncased encoder does not see. When absent, there is none.",
    )
    hidden: int | None = Field(
        default=None,
        ge=1,
        le=65_536,
        description="Width of a hidden layer before the classifier; when absent, there is none.",
    )
    dropout: float = Field(default=0.1, ge=0, lt=1, description="Dropout on the token vectors while training.")


class NerParams(TaggerParams):
    """Parameters of `ner`."""


class CrfNerParams(TaggerParams):
    """Parameters of `crf_ner`."""

    crf_lr_scale: float = Field(
        default=10.0,
        gt=0,
        le=1e4,
        description="What the strategy's learning rate for heads is multiplied with for the transition scores: at the "
        "rate of the classifier they would hardly move.",
    )
    reduction: Reduction = Field(
        default="word",
        description="What the negative log likelihood of the sentences is divided by: their annotated words (about as "
        "large as a cross-entropy), or their number.",
    )


@hookimpl
def nlu_kit_heads() -> list[HeadSpec[Any]]:
    return [
        HeadSpec(
            name="ner",
            summary="Entities: word-level BIO or BILOU tags, legal sequences only, offsets into the raw text.",
            params=NerParams,
            codec=lazy("nlu_kit_ner.codec:NerCodec"),
            build=lazy("nlu_kit_ner.head:NerHead"),
            default_loss="weighted_cross_entropy",
            default=True,
        ),
        HeadSpec(
            name="crf_ner",
            summary="Entities as `ner`, with a CRF that learns which tag follows which; computes its own loss.",
            params=CrfNerParams,
            codec=lazy("nlu_kit_ner.codec:CrfNerCodec"),
            build=lazy("nlu_kit_ner.crf_head:CrfNerHead"),
            produces="own_loss",
        ),
    ]
