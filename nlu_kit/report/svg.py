"""The elements and scales of a chart. Children are markup, a user's text goes in by ``text``, which escapes it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

from nlu_kit.data.printable import printable


def tag(name: str, /, *children: str, **attributes: str | float | None) -> str:
    """``tag("text", text("a & b"), x=3, class_="tick")``: ``_`` in a name is ``-``, a trailing one is dropped, and an
    attribute that is None is left out."""
    given = {_name(key): printable(_value(value)) for key, value in attributes.items() if value is not None}
    written = "".join(f' {key}="{escape(value, quote=True)}"' for key, value in given.items())
    return f"<{name}{written}>{''.join(children)}</{name}>"


def text(value: object) -> str:
    """``value`` as text of an element."""
    return escape(printable(str(value)), quote=False)


def chart(*children: str, width: float, height: float, label: str, fixed: bool = False) -> Markup:
    """An ``<svg>`` that scales with its place; ``label`` tells those who can't see it what it shows.

    ``fixed``: it keeps its size, for drawings that would be too small to read on a phone; put it into ``scroll``.
    """
    box = f"0 0 {_value(width)} {_value(height)}"
    style = f"width:{_value(width)}px" if fixed else None
    return Markup(tag("svg", *children, viewBox=box, role="img", aria_label=label, style=style))


def path(points: Sequence[tuple[float, float]], *, close: bool = False) -> str:
    """The ``d`` of a line through the points."""
    return "M" + "L".join(f"{_value(x)} {_value(y)}" for x, y in points) + ("Z" if close else "")


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-") if key != "viewBox" else key


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


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
