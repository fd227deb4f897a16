"""From parameters to detectors; numpy is imported when they are built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nlu_kit.plugin import DetectorContext
from nlu_kit_detectors.params import EnergyParams, KnnParams, MahalanobisParams, MaxSoftmaxParams

if TYPE_CHECKING:
    from nlu_kit.plugin import Detector


def build_max_softmax(params: MaxSoftmaxParams, context: DetectorContext) -> Detector:
    """The detector ``max_softmax``."""
    from nlu_kit_detectors.max_softmax import MaxSoftmax

    return MaxSoftmax(temperature=params.temperature or context.temperature)


def build_energy(params: EnergyParams, context: DetectorContext) -> Detector:
    """The detector ``energy``."""
    from nlu_kit_detectors.energy import Energy

    return Energy(temperature=params.temperature or context.temperature)


def build_mahalanobis(params: MahalanobisParams, context: DetectorContext) -> Detector:
    """The detector ``mahalanobis``."""
    from nlu_kit_detectors.mahalanobis import Mahalanobis

    return Mahalanobis(shrinkage=params.shrinkage, relative=params.relative, unit_length=params.unit_length)


def build_knn(params: KnnParams, context: DetectorContext) -> Detector:
    """The detector ``knn``."""
    from nlu_kit_detectors.knn import Knn

    return Knn(k=params.k, per_class=params.per_class)
