"""The parameters of the losses."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nlu_kit.plugin import Params

Weighting = Literal["sqrt", "balanced", "effective_number", "none"]
Weight = Annotated[float, Field(gt=0, le=1e6)]


class CrossEntropyParams(Params):
    """Parameters of ``cross_entropy``."""

    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="Share of each target's probability that is spread over all classes."
    )


class LabelSmoothingParams(CrossEntropyParams):
    """Parameters of ``label_smoothing``."""

    label_smoothing: float = Field(
        default=0.1, ge=0, lt=1, description="Share of each target's probability that is spread over all classes."
    )


class ClassWeightParams(Params):
    """What each class counts."""

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
        default=None, gt=0, le=1e6, description="Upper limit of a weight that follows from counts."
    )
    weights: dict[str, Weight] = Field(
        default={}, description="Weights by hand, by label; they replace those that follow from counts."
    )


class WeightedCrossEntropyParams(ClassWeightParams, CrossEntropyParams):
    """Parameters of ``weighted_cross_entropy``."""


class FocalParams(ClassWeightParams):
    """Parameters of ``focal``."""

    gamma: float = Field(
        default=2.0,
        ge=0,
        le=100,
        description="How strongly targets that the model already gets right are turned down: each counts "
        "(1 - p)^gamma. 0 is cross-entropy.",
    )
    weighting: Weighting = Field(
        default="none",
        description="The paper's alpha: what each class counts, as for weighted_cross_entropy; 'none': all the same.",
    )


class DiceParams(Params):
    """Parameters of ``dice``."""

    alpha: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="How strongly probabilities near 1 are turned down: p counts (1 - p)^alpha * p. 0 is plain dice. "
        "That product peaks at p = 1 / (1 + alpha): the loss never pushes a probability beyond it.",
    )
    smooth: float = Field(
        default=1.0,
        gt=0,
        le=1e6,
        description="Added above and below the fraction line; the smaller, the more wrong classes count.",
    )
    cross_entropy: float = Field(
        default=1.0,
        ge=0,
        le=100,
        description="How much cross-entropy is added. 0 is the paper's loss alone, with which a new classifier hardly "
        "gets going: where p is still near 0, so is the gradient.",
    )


class BinaryCrossEntropyParams(Params):
    """Parameters of ``binary_cross_entropy``."""

    positive_weight: float = Field(
        default=1.0,
        gt=0,
        le=1e6,
        description="What a label that a text has counts, against 1 for one that it lacks; above 1 favours recall.",
    )


class BinaryFocalParams(BinaryCrossEntropyParams):
    """Parameters of ``binary_focal``."""

    gamma: float = Field(
        default=2.0,
        ge=0,
        le=100,
        description="How strongly labels that the model already gets right are turned down: each counts "
        "(1 - p)^gamma. 0 is binary_cross_entropy.",
    )
