"""The lowest point of a function of one number. No torch, no numpy."""

from __future__ import annotations

import math
from collections.abc import Callable

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
