"""Bundled head `span_ner`: entities that may nest and overlap, by classifying every span of words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nlu_kit.data.labels import LabelSpace
from nlu_kit.errors import DataError, NothingToLearnError
from nlu_kit.hookspecs import hookimpl
from nlu_kit.specs import CodecContext, HeadContext, HeadSpec
from nlu_kit_span_ner.annotation import entities_of
from nlu_kit_span_ner.params import SpanNerParams, SpanNerState

if TYPE_CHECKING:
    from nlu_kit.data.example import Example
    from nlu_kit.model.modules import Head
    from nlu_kit.model.protocols import Codec

NLU_KIT_CONTRACT = 2
NO_ENTITY = "O"
MOST_LABELS = 1_000


def _build(params: SpanNerParams, context: HeadContext) -> Head:
    from nlu_kit_span_ner.head import SpanNerHead

    return SpanNerHead(params, width=context.width, classes=len(context.labels))


def _codec(params: SpanNerParams, context: CodecContext) -> Codec:
    from nlu_kit_span_ner.codec import SpanNerCodec

    return SpanNerCodec(params, context.labels, context.state)


def _fit(params: SpanNerParams, examples: Sequence[Example]) -> LabelSpace:
    """``O`` for a span that is no entity, then every entity label, sorted.

    Raises NothingToLearnError where no example has an entity, DataError for a label ``O`` or too many of them.
    """
    names = {entity.label for example in examples for entity in entities_of(example, params.field) or ()}
    if not names:
        raise NothingToLearnError(f"no training example has an entity in its field '{params.field}'")
    if NO_ENTITY in names:
        raise DataError(f"'{NO_ENTITY}' is what span_ner calls a span that is no entity; give that label another name")
    if len(names) > MOST_LABELS:
        raise DataError(
            f"{len(names):,} labels in the field '{params.field}': span_ner scores each for every span of every text, "
            f"and {MOST_LABELS:,} are the most; do they hold what the entities say, in place of their kind?"
        )
    return LabelSpace((NO_ENTITY, *sorted(names)))


@hookimpl
def nlu_kit_heads() -> list[HeadSpec[Any]]:
    return [
        HeadSpec(
            name="span_ner",
            summary="Entities that may nest and overlap: every span of up to max_width words is classified.",
            params=SpanNerParams,
            build=_build,
            codec=_codec,
            fit=_fit,
            state=SpanNerState,
            default_loss="weighted_cross_entropy",
        )
    ]
