"""Bundled heads `ner` and `crf_ner`: entities as tags of words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nlu_kit.data.labels import LabelSpace
from nlu_kit.errors import DataError, NothingToLearnError
from nlu_kit.hookspecs import hookimpl
from nlu_kit.specs import CodecContext, HeadContext, HeadSpec
from nlu_kit_ner.annotation import entities_of
from nlu_kit_ner.params import CrfNerParams, CrfState, NerParams, TaggerParams, TaggerState

if TYPE_CHECKING:
    from nlu_kit.data.example import Example
    from nlu_kit.model.modules import Head
    from nlu_kit.model.protocols import Codec

NLU_KIT_CONTRACT = 2
MOST_TAGS = 2_001


def _build(params: NerParams, context: HeadContext) -> Head:
    from nlu_kit_ner.head import NerHead

    return NerHead(params, width=context.width, classes=len(context.labels))


def _build_crf(params: CrfNerParams, context: HeadContext) -> Head:
    from nlu_kit_ner.crf_head import CrfNerHead
    from nlu_kit_ner.tags import legal_tags

    return CrfNerHead(params, width=context.width, legal=legal_tags(context.labels.names, params.scheme))


def _codec(params: NerParams, context: CodecContext) -> Codec:
    from nlu_kit_ner.codec import NerCodec

    return NerCodec(params, context)


def _crf_codec(params: CrfNerParams, context: CodecContext) -> Codec:
    from nlu_kit_ner.crf_codec import CrfNerCodec

    return CrfNerCodec(params, context)


def _fit(params: TaggerParams, examples: Sequence[Example]) -> LabelSpace:
    """``O``, then the scheme's tags of every entity label, sorted.

    Raises NothingToLearnError where no example has an entity, DataError for more labels than can be decoded.
    """
    from nlu_kit_ner.tags import tag_names

    names = sorted({entity.label for example in examples for entity in entities_of(example, params.field) or ()})
    if not names:
        raise NothingToLearnError(f"no training example has an entity in its field '{params.field}'")
    tags = tag_names(names, params.scheme)
    if len(tags) > MOST_TAGS:
        raise DataError(
            f"{len(names):,} labels in the field '{params.field}' make {len(tags):,} tags, and decoding compares each "
            f"with each: at every word a table of {8 * len(tags) ** 2 / 1e6:,.0f} MB. {MOST_TAGS:,} tags are the most; "
            "do the labels hold what the entities say, in place of their kind?"
        )
    return LabelSpace(tags)


@hookimpl
def nlu_kit_heads() -> list[HeadSpec[Any]]:
    return [
        HeadSpec(
            name="ner",
            summary="Entities: word-level BIO or BILOU tags, legal sequences only, offsets into the raw text.",
            params=NerParams,
            build=_build,
            codec=_codec,
            fit=_fit,
            state=TaggerState,
            default_loss="weighted_cross_entropy",
            default=True,
        ),
        HeadSpec(
            name="crf_ner",
            summary="Entities as `ner`, with a CRF that learns which tag follows which; computes its own loss.",
            params=CrfNerParams,
            build=_build_crf,
            codec=_crf_codec,
            fit=_fit,
            state=CrfState,
            produces="own_loss",
        ),
    ]
