"""Bundled head `ner`: entities as word-level BIO tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nlu_kit.data.labels import LabelSpace
from nlu_kit.errors import DataError
from nlu_kit.hookspecs import hookimpl
from nlu_kit.specs import CodecContext, HeadContext, HeadSpec
from nlu_kit_ner.annotation import entities_of
from nlu_kit_ner.params import NerParams

if TYPE_CHECKING:
    from nlu_kit.data.example import Example
    from nlu_kit.model.modules import Head
    from nlu_kit.model.protocols import Codec


def _build(params: NerParams, context: HeadContext) -> Head:
    from nlu_kit_ner.head import NerHead

    return NerHead(params, width=context.width, classes=len(context.labels))


def _codec(params: NerParams, context: CodecContext) -> Codec:
    from nlu_kit_ner.codec import NerCodec

    return NerCodec(params, context.labels)


def _fit(params: NerParams, examples: Sequence[Example]) -> LabelSpace:
    """``O``, then ``B-`` and ``I-`` of every entity label, sorted. Raises DataError where no example has an entity."""
    names = sorted({entity.label for example in examples for entity in entities_of(example, params.field) or ()})
    if not names:
        raise DataError(f"no training example has an entity in its field '{params.field}'")
    return LabelSpace(("O", *(f"{prefix}-{name}" for name in names for prefix in "BI")))


@hookimpl
def nlu_kit_heads() -> list[HeadSpec[Any]]:
    return [
        HeadSpec(
            name="ner",
            summary="Entities: word-level BIO from the first subword, legal sequences only, offsets into the raw text.",
            params=NerParams,
            build=_build,
            codec=_codec,
            fit=_fit,
            default_loss="weighted_cross_entropy",
            default=True,
        )
    ]
