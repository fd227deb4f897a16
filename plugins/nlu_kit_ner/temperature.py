"""The temperature at which confidences of spans say how often spans are right. numpy only."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nlu_kit.plugin import HIGHEST, LOWEST

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


_GOLDEN = (math.sqrt(5) - 1) / 2


def lowest(function: Callable[[float], float], low: float, high: float, *, points: int = 13, steps: int = 10) -> float:
    """Where in [low, high] ``function`` is lowest: a grid of ``points``, then golden sections (Kiefer 1953) beside the
    best of these. Costs ``points + steps + 2`` evaluations."""
    grid = [low + (high - low) * place / (points - 1) for place in range(points)]
    values = [function(place) for place in grid]
    best = min(range(points), key=values.__getitem__)
    left, right = grid[max(best - 1, 0)], grid[min(best + 1, points - 1)]
    first, second = right - _GOLDEN * (right - left), left + _GOLDEN * (right - left)
    at_first, at_second = function(first), function(second)
    for _ in range(steps):
        if at_first <= at_second:
            right, second, at_second = second, first, at_first
            first = right - _GOLDEN * (right - left)
            at_first = function(first)
        else:
            left, first, at_first = first, second, at_second
            second = left + _GOLDEN * (right - left)
            at_second = function(second)
    return (left + right) / 2
