"""How the heads' mean losses become one scalar: sums, with weights that are given by hand, learnt or computed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nlu_kit.plugin import BalancingSpec, hookimpl
from nlu_kit_balancing.build import build_dynamic_weight_average, build_sum, build_uncertainty, build_weighted
from nlu_kit_balancing.params import DynamicWeightAverageParams, SumParams, UncertaintyParams, WeightedParams

NLU_KIT_CONTRACT = 2


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
            trial={"weights": {"intent": 2.0}},
        ),
        BalancingSpec(
            name="uncertainty",
            summary="Each head's loss is weighted by a learnt uncertainty: L / σ² + log σ (Kendall et al. 2018).",
            params=UncertaintyParams,
            build=build_uncertainty,
        ),
        BalancingSpec(
            name="dynamic_weight_average",
            summary="From epoch to epoch, heads whose loss falls slowly count more (Liu et al. 2019).",
            params=DynamicWeightAverageParams,
            build=build_dynamic_weight_average,
        ),
    ]
