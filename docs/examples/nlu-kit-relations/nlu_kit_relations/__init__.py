"""A head `relations` for nlu-kit: which entities of a text belong together, and how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nlu_kit.plugin import CodecContext, DataError, HeadContext, HeadSpec, LabelSpace, hookimpl
from nlu_kit_relations.annotation import NO_RELATION, relations_of
from nlu_kit_relations.params import RelationsParams
from nlu_kit_relations.samples import samples

if TYPE_CHECKING:
    from nlu_kit.plugin import Codec, Example, Head

NLU_KIT_CONTRACT = 2


def _build(params: RelationsParams, context: HeadContext) -> Head:
    from nlu_kit_relations.head import RelationsHead

    return RelationsHead(params, width=context.width, classes=len(context.labels))


def _codec(params: RelationsParams, context: CodecContext) -> Codec:
    from nlu_kit_relations.codec import RelationsCodec

    return RelationsCodec(params, context)


def _fit(params: RelationsParams, examples: Sequence[Example]) -> LabelSpace:
    """``none`` for a pair without relation, then every relation's label, sorted.

    Raises DataError where no example has a relation.
    """
    names = {relation.label for example in examples for relation in relations_of(example, params) or ()}
    if not names:
        raise DataError(f"no training example has a relation in its field '{params.field}'")
    return LabelSpace((NO_RELATION, *sorted(names)))


def _reads(params: RelationsParams) -> Sequence[str]:
    return (params.entities,)


@hookimpl
def nlu_kit_heads() -> list[HeadSpec[Any]]:
    return [
        HeadSpec(
            name="relations",
            summary="Relations between the entities that another head found: a biaffine score for each pair.",
            params=RelationsParams,
            build=_build,
            codec=_codec,
            fit=_fit,
            produces="own_loss",
            reads=_reads,
            samples=samples,
        )
    ]
