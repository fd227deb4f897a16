"""The parameters of the balancing strategies."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nlu_kit.plugin import Params


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
