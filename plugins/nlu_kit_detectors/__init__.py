"""Bundled detectors: what tells that an utterance is out of scope. numpy only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nlu_kit.plugin import DetectorSpec, hookimpl
from nlu_kit_detectors.build import build_energy, build_knn, build_mahalanobis, build_max_softmax
from nlu_kit_detectors.params import EnergyParams, KnnParams, MahalanobisParams, MaxSoftmaxParams

NLU_KIT_CONTRACT = 2


@hookimpl
def nlu_kit_detectors() -> Iterable[DetectorSpec[Any]]:
    return [
        DetectorSpec(
            name="max_softmax",
            summary="1 - the highest probability (Hendrycks and Gimpel 2017): costs nothing, between 0 and 1.",
            params=MaxSoftmaxParams,
            build=build_max_softmax,
        ),
        DetectorSpec(
            name="energy",
            summary="The free energy of the logits (Liu et al. 2020): how much they speak for any label at all.",
            params=EnergyParams,
            build=build_energy,
        ),
        DetectorSpec(
            name="mahalanobis",
            summary="Distance of the sentence vector to the nearest label's mean, in train's shape (Lee et al. 2018).",
            params=MahalanobisParams,
            build=build_mahalanobis,
            learns=True,
            default=True,
        ),
        DetectorSpec(
            name="knn",
            summary="Distance of the sentence vector to its k-th nearest training vector (Sun et al. 2022).",
            params=KnnParams,
            build=build_knn,
            learns=True,
        ),
    ]
