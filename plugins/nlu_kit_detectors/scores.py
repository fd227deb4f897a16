"""Detectors that look at the logits of the head that is watched."""

from __future__ import annotations

import numpy as np

from nlu_kit.plugin import Detector, DetectorContext, DetectorFeatures, logsumexp, softmax
from nlu_kit_detectors import EnergyParams, MaxSoftmaxParams


class MaxSoftmax(Detector):
    """1 - the highest probability, in [0, 1): the chance, as the model sees it, that its label is wrong.

    Hendrycks and Gimpel (2017), "A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural
    Networks".
    """

    def __init__(self, params: MaxSoftmaxParams, context: DetectorContext) -> None:
        self.temperature = params.temperature or context.temperature

    def score(self, features: DetectorFeatures) -> np.ndarray:
        probabilities = np.sort(softmax(features.logits.astype(np.float64) / self.temperature), axis=1)
        rest: np.ndarray = probabilities[:, :-1].sum(axis=1)  # 1 - p would round to 0 long before
        return rest


class Energy(Detector):
    """``-T * log(sum(exp(logits / T)))``. Unlike a softmax it sees whether all logits are low.

    Liu, Wang, Owens and Li (2020), "Energy-based Out-of-distribution Detection".
    """

    def __init__(self, params: EnergyParams, context: DetectorContext) -> None:
        self.temperature = params.temperature or context.temperature

    def score(self, features: DetectorFeatures) -> np.ndarray:
        return -self.temperature * logsumexp(features.logits.astype(np.float64) / self.temperature)
