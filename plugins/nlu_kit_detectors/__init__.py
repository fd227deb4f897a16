"""Bundled detectors: what tells that an utterance is out of scope. numpy only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import Field

from nlu_kit.plugin import DetectorParams, DetectorSpec, hookimpl, lazy

NLU_KIT_CONTRACT = 2


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


@hookimpl
def nlu_kit_detectors() -> Iterable[DetectorSpec[Any]]:
    return [
        DetectorSpec(
            name="max_softmax",
            summary="1 - the highest probability (Hendrycks and Gimpel 2017): costs nothing, between 0 and 1.",
            params=MaxSoftmaxParams,
            build=lazy("nlu_kit_detectors.scores:MaxSoftmax"),
        ),
        DetectorSpec(
            name="energy",
            summary="The free energy of the logits (Liu et al. 2020): how much they speak for any label at all.",
            params=EnergyParams,
            build=lazy("nlu_kit_detectors.scores:Energy"),
        ),
        DetectorSpec(
            name="mahalanobis",
            summary="Distance of the sentence vector to the nearest label's mean, in train's shape (Lee et al. 2018).",
            params=MahalanobisParams,
            build=lazy("nlu_kit_detectors.vectors:Mahalanobis"),
            learns=True,
            default=True,
        ),
        DetectorSpec(
            name="knn",
            summary="Distance of the sentence vector to its k-th nearest training vector (Sun et al. 2022).",
            params=KnnParams,
            build=lazy("nlu_kit_detectors.vectors:Knn"),
            learns=True,
        ),
    ]
