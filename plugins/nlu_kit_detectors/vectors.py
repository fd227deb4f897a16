"""Detectors that look at sentence vectors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nlu_kit.plugin import Detector, DetectorContext, DetectorFeatures
from nlu_kit_detectors import KnnParams, MahalanobisParams

_ROWS = 4096  # utterances at a time
_NEIGHBOUR_ROWS = 1024  # the same, each against every vector that is kept


class Mahalanobis(Detector):
    """The squared distance to the nearest class mean, in units of the covariance around these means, per dimension.

    ``relative``: less the distance to the mean of all, in units of the covariance around that. What is far from
    everything in the training data for reasons that have nothing to do with its classes (length, style) is then not
    held against an utterance. Where there is one class only, both would be the same, and it is not subtracted.

    Lee, Lee, Lee and Shin (2018), "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial
    Attacks"; its relative form is from Ren, Fort, Liu, Roy, Padhy and Lakshminarayanan (2021), "A Simple Fix to
    Mahalanobis Distance for Improving Near-OOD Detection".
    """

    def __init__(self, params: MahalanobisParams, context: DetectorContext) -> None:
        self.shrinkage, self.relative, self.unit_length = params.shrinkage, params.relative, params.unit_length

    def fit(self, features: DetectorFeatures) -> None:
        vectors = self._vectors(features)
        classes, places = np.unique(np.asarray(features.labels), return_inverse=True)
        means = np.zeros((len(classes), vectors.shape[1]))
        np.add.at(means, places, vectors)
        means /= np.bincount(places)[:, None]
        self.arrays = {"means": means, "whitening": whitening(vectors - means[places], self.shrinkage)}
        if self.relative and len(classes) > 1:
            centre = vectors.mean(axis=0, keepdims=True)
            self.arrays |= {"centre": centre, "centre_whitening": whitening(vectors - centre, self.shrinkage)}
        self.load({name: array.astype(np.float32) for name, array in self.arrays.items()})

    def score(self, features: DetectorFeatures) -> np.ndarray:
        vectors = self._vectors(features)
        found = self.to_means.nearest(vectors)
        if self.to_centre is not None:
            found -= self.to_centre.nearest(vectors)
        found /= vectors.shape[1]
        return found

    def state(self) -> Mapping[str, np.ndarray]:
        return self.arrays

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        self.arrays = {name: state[name] for name in ("means", "whitening")}
        self.to_means, self.to_centre = Distances(state["means"], state["whitening"]), None
        if "centre" in state:
            self.arrays |= {name: state[name] for name in ("centre", "centre_whitening")}
            self.to_centre = Distances(state["centre"], state["centre_whitening"])

    def _vectors(self, features: DetectorFeatures) -> np.ndarray:
        return unit(features.vectors) if self.unit_length else features.vectors.astype(np.float64)


def whitening(centred: np.ndarray, shrinkage: float) -> np.ndarray:
    """[D, D], after multiplying by which plain distances are those in units of the covariance of ``centred`` [N, D].

    That covariance is ``(1 - shrinkage) S + shrinkage * mean(diag(S)) I``: with fewer vectors than dimensions ``S`` has
    no inverse.
    """
    covariance = centred.T @ centred / len(centred)
    spread = max(float(np.trace(covariance)) / len(covariance), 1e-12)  # 0 where all vectors are the same
    values, axes = np.linalg.eigh((1 - shrinkage) * covariance)
    scaled: np.ndarray = axes / np.sqrt(np.maximum(values, 0.0) + shrinkage * spread)
    return scaled


class Distances:
    """Distances to ``means`` [C, D], after ``whitening`` [D, D]; what no vector changes is computed once."""

    def __init__(self, means: np.ndarray, whitening: np.ndarray) -> None:
        self.whitening = whitening.astype(np.float64)
        self.means = means.astype(np.float64) @ self.whitening
        self.squares = (self.means**2).sum(axis=1)

    def nearest(self, vectors: np.ndarray) -> np.ndarray:
        """The squared distance [N] of each vector [N, D] to the nearest mean."""
        found = np.empty(len(vectors))
        for start in range(0, len(vectors), _ROWS):
            rows = vectors[start : start + _ROWS] @ self.whitening
            distances = (rows**2).sum(axis=1)[:, None] - 2 * rows @ self.means.T + self.squares
            found[start : start + _ROWS] = np.maximum(distances.min(axis=1), 0.0)
        return found


class Knn(Detector):
    """The distance to the k-th nearest training vector, in [0, 2]; all vectors are scaled to length 1.

    Of each class at most ``per_class`` vectors are kept, evenly spread over the order of the training data. Where there
    are fewer than k in all, the farthest counts.

    Sun, Ming, Zhu and Li (2022), "Out-of-Distribution Detection with Deep Nearest Neighbors".
    """

    def __init__(self, params: KnnParams, context: DetectorContext) -> None:
        self.k, self.per_class = params.k, params.per_class

    def fit(self, features: DetectorFeatures) -> None:
        labels = np.asarray(features.labels)
        kept = [_spread(np.flatnonzero(labels == label), self.per_class) for label in np.unique(labels)]
        self.kept = unit(features.vectors[np.concatenate(kept)]).astype(np.float32)

    def score(self, features: DetectorFeatures) -> np.ndarray:
        vectors = unit(features.vectors)
        place = min(self.k, len(self.kept)) - 1
        found = np.empty(len(vectors))
        for start in range(0, len(vectors), _NEIGHBOUR_ROWS):
            distances = 2 - 2 * vectors[start : start + _NEIGHBOUR_ROWS] @ self.kept.T.astype(np.float64)  # squared
            found[start : start + _NEIGHBOUR_ROWS] = np.partition(distances, place, axis=1)[:, place]
        return np.sqrt(np.maximum(found, 0.0))

    def state(self) -> Mapping[str, np.ndarray]:
        return {"vectors": self.kept}

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        self.kept = state["vectors"]


def _spread(places: np.ndarray, count: int) -> np.ndarray:
    """At most ``count`` of them, evenly spread."""
    return places if len(places) <= count else places[np.arange(count) * len(places) // count]


def unit(vectors: np.ndarray) -> np.ndarray:
    """[N, D] scaled to length 1, float64; a vector of zeros stays one."""
    vectors = vectors.astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: np.ndarray = vectors / np.where(lengths > 0, lengths, 1.0)
    return scaled
