"""Parameters of the bundled detectors. No torch, no numpy."""

from __future__ import annotations

from pydantic import Field

from nlu_kit.plugin import DetectorParams


class MaxSoftmaxParams(DetectorParams):
    """Parameters of ``max_softmax``."""

    temperature: float | None = Field(
        default=None,
        ge=1e-3,
        le=1e3,
        description="What the logits are divided by; when absent, what calibrates them on dev.",
    )


class EnergyParams(DetectorParams):
    """Parameters of ``energy``."""

    temperature: float | None = Field(
        default=None,
        ge=1e-3,
        le=1e3,
        description="What the logits are divided by; when absent, what calibrates them on dev. The paper has 1, which "
        "suits nets that need no calibration.",
    )


class MahalanobisParams(DetectorParams):
    """Parameters of ``mahalanobis``."""

    shrinkage: float = Field(
        default=0.5,
        ge=1e-6,
        le=1,
        description="How far covariances are drawn towards a round one, which keeps them invertible; 1 leaves plain "
        "distances.",
    )
    relative: bool = Field(
        default=True,
        description="Subtract the distance to the mean of all training vectors; false is the paper of 2018.",
    )
    unit_length: bool = Field(default=True, description="Scale the sentence vectors to length 1 first.")


class KnnParams(DetectorParams):
    """Parameters of ``knn``."""

    k: int = Field(default=5, ge=1, le=10_000, description="Which neighbour's distance counts: the k-th nearest.")
    per_class: int = Field(
        default=100,
        ge=1,
        le=100_000,
        description="How many training vectors of each class are kept with the model, at most.",
    )
