"""From params to torch modules; torch is imported only when a balancing is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nlu_kit.plugin import BalancingContext, ConfigError, Problem, did_you_mean
from nlu_kit_balancing.params import DynamicWeightAverageParams, SumParams, UncertaintyParams, WeightedParams

if TYPE_CHECKING:
    from nlu_kit.plugin import Balancing


def build_sum(params: SumParams, context: BalancingContext) -> Balancing:
    """The balancing ``sum``."""
    from nlu_kit_balancing.sum import SumOfLosses

    return SumOfLosses()


def build_weighted(params: WeightedParams, context: BalancingContext) -> Balancing:
    """The balancing ``weighted``. Raises ConfigError, with every name in ``weights`` that is no head."""
    allowed = ", ".join(context.heads)
    problems = [
        Problem(
            f"balancing.weights.{name}",
            f"the pipeline has no head '{name}'",
            f"{did_you_mean(name, context.heads)}its heads: {allowed}",
        )
        for name in params.weights
        if name not in context.heads
    ]
    if problems:
        raise ConfigError(problems)
    from nlu_kit_balancing.weighted import WeightedSumOfLosses

    return WeightedSumOfLosses(params.weights)


def build_uncertainty(params: UncertaintyParams, context: BalancingContext) -> Balancing:
    """The balancing ``uncertainty``."""
    from nlu_kit_balancing.uncertainty import UncertaintyWeighting

    return UncertaintyWeighting(context.heads)


def build_dynamic_weight_average(params: DynamicWeightAverageParams, context: BalancingContext) -> Balancing:
    """The balancing ``dynamic_weight_average``."""
    from nlu_kit_balancing.dynamic_weight_average import DynamicWeightAverage

    return DynamicWeightAverage(context.heads, temperature=params.temperature)
