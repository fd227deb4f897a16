"""Criteria: cross-entropy (plain, smoothed, class-weighted), focal; binary ones for several labels a text.

A new one is a class in a file of its own and, here, its parameters and its entry.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field

from nlu_kit.plugin import LossSpec, Params, hookimpl, lazy

NLU_KIT_CONTRACT = 2

SEVERAL = frozenset({"multilabel_logits"})
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


@hookimpl
def nlu_kit_losses() -> Iterable[LossSpec[Any]]:
    return [
        LossSpec(
            name="cross_entropy",
            summary="Cross-entropy over the classes; every target counts the same.",
            params=CrossEntropyParams,
            build=lazy("nlu_kit_losses.cross_entropy:CrossEntropy"),
            default=True,
        ),
        LossSpec(
            name="weighted_cross_entropy",
            summary="Cross-entropy in which rare classes count more, by their counts in train or by hand.",
            params=WeightedCrossEntropyParams,
            build=lazy("nlu_kit_losses.cross_entropy:WeightedCrossEntropy"),
        ),
        LossSpec(
            name="label_smoothing",
            summary="cross_entropy with smoothed targets: 0.1 of each is spread over all classes.",
            params=LabelSmoothingParams,
            build=lazy("nlu_kit_losses.cross_entropy:CrossEntropy"),
        ),
        LossSpec(
            name="focal",
            summary="Cross-entropy in which targets that the model still gets wrong count more (Lin et al. 2017).",
            params=FocalParams,
            build=lazy("nlu_kit_losses.focal:Focal"),
        ),
        LossSpec(
            name="binary_cross_entropy",
            summary="For heads with several labels a text: each label's own yes or no.",
            params=BinaryCrossEntropyParams,
            build=lazy("nlu_kit_losses.binary:BinaryCrossEntropy"),
            consumes=SEVERAL,
        ),
        LossSpec(
            name="binary_focal",
            summary="binary_cross_entropy in which labels that the model still gets wrong count more.",
            params=BinaryFocalParams,
            build=lazy("nlu_kit_losses.binary:BinaryFocal"),
            consumes=SEVERAL,
        ),
    ]
