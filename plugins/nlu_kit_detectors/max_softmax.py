"""The detector `max_softmax`.

Hendrycks and Gimpel (2017), "A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural
Networks".
"""

from __future__ import annotations

import numpy as np

from nlu_kit.plugin import Detector, DetectorFeatures, softmax


class MaxSoftmax(Detector):
    """1 - the highest probability, in [0, 1): the chance, as the model sees it, that its label is wrong."""

    def __init__(self, *, temperature: float) -> None:
        self.temperature = temperature

    def score(self, features: DetectorFeatures) -> np.ndarray:
        probabilities = np.sort(softmax(features.logits.astype(np.float64) / self.temperature), axis=1)
        rest: np.ndarray = probabilities[:, :-1].sum(axis=1)  # 1 - p would round to 0 long before
        return rest
