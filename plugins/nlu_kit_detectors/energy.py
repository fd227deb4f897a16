"""The detector `energy`.

Liu, Wang, Owens and Li (2020), "Energy-based Out-of-distribution Detection".
"""

from __future__ import annotations

import numpy as np

from nlu_kit.plugin import Detector, DetectorFeatures


class Energy(Detector):
    """``-T * log(sum(exp(logits / T)))``. Unlike a softmax it sees whether all logits are low."""

    def __init__(self, *, temperature: float) -> None:
        self.temperature = temperature

    def score(self, features: DetectorFeatures) -> np.ndarray:
        logits = features.logits.astype(np.float64) / self.temperature
        highest = logits.max(axis=1)
        energy: np.ndarray = -self.temperature * (highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1)))
        return energy
