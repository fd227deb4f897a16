"""How the heads' mean losses become one scalar: sums, with weights that are given by hand, learnt or computed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field

from nlu_kit.plugin import BalancingSpec, Params, hookimpl, lazy

NLU_KIT_CONTRACT = 2


class SumParams(Params):
    """``sum`` has no parameters."""


class WeightedParams(Params):
    """Parameters of ``weighted``."""

    weights: dict[str, Annotated[float, Field(gt=0, le=1e6)]] = Field(
        description="What each head's loss is multiplied with, by head name; a head that is not named gets 1."
    )


class UncertaintyParams(Params):
    """``uncertainty`` has no parameters: what it weighs with is learnt."""


class DynamicWeightAverageParams(Params):
    """Parameters of ``dynamic_weight_average``."""

    temperature: float = Field(
        default=2.0, ge=1e-3, le=1e6, description="Higher brings the weights closer to each other."
    )


@hookimpl
def nlu_kit_balancing() -> Iterable[BalancingSpec[Any]]:
    return [
        BalancingSpec(
            name="sum",
            summary="The sum of the heads' losses: L = L_intent + L_NER.",
            params=SumParams,
            build=lazy("nlu_kit_balancing.balancing:SumOfLosses"),
            default=True,
        ),
        BalancingSpec(
            name="weighted",
            summary="The sum of the heads' losses, each times its own weight.",
            params=WeightedParams,
            build=lazy("nlu_kit_balancing.balancing:WeightedSumOfLosses"),
            trial={"weights": {"intent": 2.0}},
        ),
        BalancingSpec(
            name="uncertainty",
            summary="Each head's loss is weighted by a learnt uncertainty: L / σ² + log σ (Kendall et al. 2018).",
            params=UncertaintyParams,
            build=lazy("nlu_kit_balancing.balancing:UncertaintyWeighting"),
        ),
        BalancingSpec(
            name="dynamic_weight_average",
            summary="From epoch to epoch, heads whose loss falls slowly count more (Liu et al. 2019).",
            params=DynamicWeightAverageParams,
            build=lazy("nlu_kit_balancing.balancing:DynamicWeightAverage"),
        ),
    ]
