"""Bundled head `span_ner`: entities that may nest and overlap, by classifying every span of words."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from nlu_kit.plugin import HeadSpec, SpanParams, hookimpl, lazy

NLU_KIT_CONTRACT = 2


Overlap = Literal["allow", "nested", "flat"]


class SpanNerParams(SpanParams):
    """Parameters of `span_ner`."""

    max_width: int = Field(
        default=8,
        ge=1,
        le=64,
        description="The most words that an entity may have. Wider ones are not learnt, but counted and reported; time "
        "and memory grow with it.",
    )
    overlap: Overlap = Field(
        default="nested",
        description="Which entities of one text may share words: 'nested' those of which one lies within the other, "
        "'allow' any, 'flat' none. Of two that may not, the surer is predicted.",
    )
    hidden: int = Field(
        default=256, ge=1, le=65_536, description="Width of the hidden layer in which the ends of a span meet."
    )
    dropout: float = Field(
        default=0.1, ge=0, lt=1, description="Dropout on the token vectors and the hidden layer while training."
    )


@hookimpl
def nlu_kit_heads() -> list[HeadSpec[Any]]:
    return [
        HeadSpec(
            name="span_ner",
            summary="Entities that may nest and overlap: every span of up to max_width words is classified.",
            params=SpanNerParams,
            codec=lazy("nlu_kit_span_ner.codec:SpanNerCodec"),
            build=lazy("nlu_kit_span_ner.head:SpanNerHead"),
            default_loss="weighted_cross_entropy",
        )
    ]
