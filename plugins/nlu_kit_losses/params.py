"""The parameters of the losses."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nlu_kit.specs import Params

Weighting = Literal["sqrt", "balanced", "effective_number", "none"]
Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class CrossEntropyParams(Params):
    """Parameters of ``cross_entropy``."""

    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="Share of each target's probability that is spread over all classes."
    )


class WeightedCrossEntropyParams(CrossEntropyParams):
    """Parameters of ``weighted_cross_entropy``."""

    weighting: Weighting = Field(
        default="sqrt",
        description="How a class's weight follows from its count n in train: 'balanced' 1/n, 'sqrt' 1/sqrt(n), "
        "'effective_number' (1 - beta)/(1 - beta^n), 'none' the same for all. The weights of the classes that train "
        "has are scaled to a mean of 1; a class that train lacks gets 1.",
    )
    beta: float = Field(
        default=0.999,
        ge=0,
        lt=1,
        description="Only for 'effective_number': 0 is no weighting, towards 1 is 'balanced'.",
    )
    max_weight: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="Upper limit of a weight that follows from counts."
    )
    weights: dict[str, Weight] = Field(
        default={}, description="Weights by hand, by label; they replace those that follow from counts."
    )
