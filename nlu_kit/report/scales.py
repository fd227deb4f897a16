"""From figures to places on a chart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Linear: ``low`` is drawn at ``start``, ``high`` at ``end`` (which is smaller than start for a vertical axis)."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def ticks(low: float, high: float, *, most: int = 6, whole: bool = False) -> list[float]:
    """At most ``most`` round numbers that begin at or below ``low`` and end at or above ``high``.

    ``whole``: steps of 1 or more, for epochs.
    """
    if not high > low:
        margin = abs(low) * 0.05 or 0.5
        low, high = low - margin, high + margin
    power = math.floor(math.log10((high - low) / most))
    for step in (factor * 10.0 ** (power + shift) for shift in (0, 1, 2) for factor in (1, 2, 5)):
        if whole and step < 1:
            continue
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first < most:
            return [round(number * step, 10) for number in range(first, last + 1)]
    raise AssertionError("a step of a hundred times the range has few ticks")


def spread_out(places: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """The places moved as little as it takes to be ``gap`` apart, for labels; in their order, within low and high."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    gap = min(gap, (high - low) / max(len(places) - 1, 1))
    moved = [0.0] * len(places)
    at = low - gap
    for i in order:
        at = moved[i] = max(places[i], at + gap)
    at = high + gap
    for i in reversed(order):
        at = moved[i] = min(moved[i], at - gap)
    return moved
