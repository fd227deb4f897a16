"""The temperature at which confidences of spans say how often spans are right. numpy only."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nlu_kit.plugin import HIGHEST, LOWEST
from nlu_kit_ner.minimum import lowest

_TINY = 1e-12  # a probability whose logarithm still tells something


def fit_confidences(confidences: Callable[[float], np.ndarray], right: np.ndarray) -> float:
    """The temperature at which ``confidences(temperature)`` [N] makes ``right`` [N] (bool) most likely.

    Smoothed as if one of N + 2 verdicts were the other way (Laplace's rule of succession), so that a dev set that is
    all right does not ask for certainty. Within the bounds of ``fit_temperature``.
    """
    share = 1 / (len(right) + 2)
    wanted = np.where(right, 1 - share, share)

    def loss(log_temperature: float) -> float:
        sure = np.clip(confidences(math.exp(log_temperature)), _TINY, 1 - _TINY)
        return -float(np.mean(wanted * np.log(sure) + (1 - wanted) * np.log(1 - sure)))

    return math.exp(lowest(loss, math.log(LOWEST), math.log(HIGHEST)))
