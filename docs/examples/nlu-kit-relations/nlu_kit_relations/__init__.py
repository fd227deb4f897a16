"""A head `relations` for nlu-kit: which entities of a text belong together, and how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nlu_kit.plugin import HeadSpec, hookimpl, lazy
from nlu_kit_relations.params import RelationsParams
from nlu_kit_relations.samples import samples

NLU_KIT_CONTRACT = 2


def _reads(params: RelationsParams) -> Sequence[str]:
    return (params.entities,)


@hookimpl
def nlu_kit_heads() -> list[HeadSpec[Any]]:
    return [
        HeadSpec(
            name="relations",
            summary="Relations between the entities that another head found: a biaffine score for each pair.",
            params=RelationsParams,
            codec=lazy("nlu_kit_relations.codec:RelationsCodec"),
            build=lazy("nlu_kit_relations.head:RelationsHead"),
            produces="own_loss",
            reads=_reads,
            samples=samples,
        )
    ]
