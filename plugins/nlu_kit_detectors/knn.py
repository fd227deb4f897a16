"""The detector `knn`.

Sun, Ming, Zhu and Li (2022), "Out-of-Distribution Detection with Deep Nearest Neighbors".
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nlu_kit.plugin import Detector, DetectorFeatures
from nlu_kit_detectors.vectors import unit

_ROWS = 1024  # utterances at a time


class Knn(Detector):
    """The distance to the k-th nearest training vector, in [0, 2]; all vectors are scaled to length 1.

    Of each class at most ``per_class`` vectors are kept, evenly spread over the order of the training data. Where there
    are fewer than k in all, the farthest counts.
    """

    def __init__(self, *, k: int, per_class: int) -> None:
        self.k, self.per_class = k, per_class

    def fit(self, features: DetectorFeatures) -> None:
        labels = np.asarray(features.labels)
        kept = [_spread(np.flatnonzero(labels == label), self.per_class) for label in np.unique(labels)]
        self.kept = unit(features.vectors[np.concatenate(kept)]).astype(np.float32)

    def score(self, features: DetectorFeatures) -> np.ndarray:
        vectors = unit(features.vectors)
        place = min(self.k, len(self.kept)) - 1
        found = np.empty(len(vectors))
        for start in range(0, len(vectors), _ROWS):
            distances = 2 - 2 * vectors[start : start + _ROWS] @ self.kept.T.astype(np.float64)  # squared
            found[start : start + _ROWS] = np.partition(distances, place, axis=1)[:, place]
        return np.sqrt(np.maximum(found, 0.0))

    def state(self) -> Mapping[str, np.ndarray]:
        return {"vectors": self.kept}

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        self.kept = state["vectors"]


def _spread(places: np.ndarray, count: int) -> np.ndarray:
    """At most ``count`` of them, evenly spread."""
    return places if len(places) <= count else places[np.arange(count) * len(places) // count]
