"""How the heads' mean losses become one scalar: their sum, or a sum with weights given by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nlu_kit.hookspecs import hookimpl
from nlu_kit.specs import BalancingSpec
from nlu_kit_balancing.build import build_sum, build_weighted
from nlu_kit_balancing.params import SumParams, WeightedParams


@hookimpl
def nlu_kit_balancing() -> Iterable[BalancingSpec[Any]]:
    return [
        BalancingSpec(
            name="sum",
            summary="The sum of the heads' losses: L = L_intent + L_NER.",
            params=SumParams,
            build=build_sum,
            default=True,
        ),
        BalancingSpec(
            name="weighted",
            summary="The sum of the heads' losses, each times its own weight.",
            params=WeightedParams,
            build=build_weighted,
        ),
    ]
