"""Can one trust a confidence? The share of right predictions against it, and how confidences are spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from markupsafe import Markup

from nlu_kit.report.svg import Scale, chart, path, tag, text, ticks

WIDTH, HEIGHT = 340, 300
LEFT, RIGHT, TOP, BOTTOM = 42, 326, 14, 250
PANEL, GAP = 92, 40


@dataclass(frozen=True, slots=True)
class Bin:
    """``count`` predictions whose mean confidence and whose share of right ones are in [0, 1]."""

    count: int
    confidence: float
    accuracy: float


def reliability_diagram(bins: Sequence[Bin], *, name: str) -> Markup:
    """A mark per bin, the larger the more predictions it has. Below the dashed line, it is too sure of itself."""
    x, y = Scale(0, 100, LEFT, RIGHT), Scale(0, 100, BOTTOM, TOP)
    parts = []
    for tick in (0, 20, 40, 60, 80, 100):
        parts.append(tag("line", x1=LEFT, x2=RIGHT, y1=y(tick), y2=y(tick), class_="grid"))
        parts.append(tag("text", text(tick), x=LEFT - 6, y=y(tick) + 4, class_="tick end"))
        parts.append(tag("text", text(tick), x=x(tick), y=BOTTOM + 18, class_="tick middle"))
    parts.append(tag("text", "confidence", x=(LEFT + RIGHT) / 2, y=BOTTOM + 38, class_="tick middle"))
    parts.append(tag("path", d=path([(x(0), y(0)), (x(100), y(100))]), class_="ideal"))
    filled = [one for one in bins if one.count]
    points = [(x(100 * one.confidence), y(100 * one.accuracy)) for one in filled]
    if len(points) > 1:
        parts.append(tag("g", tag("path", d=path(points), class_="line"), class_="s1"))
    most = max((one.count for one in filled), default=1)
    for one, (across, up) in zip(filled, points, strict=True):
        told = f"confidence {100 * one.confidence:.1f}, right {100 * one.accuracy:.1f}: {one.count:,} predictions"
        mark = tag("circle", tag("title", text(told)), cx=across, cy=up, r=3 + 7 * sqrt(one.count / most))
        parts.append(tag("g", mark, class_="s1 area"))
    return chart(*parts, width=WIDTH, height=HEIGHT, label=f"Reliability of {name}: percent right by confidence")


def confidence_histogram(right: Sequence[int], wrong: Sequence[int], *, name: str) -> Markup:
    """How many predictions have which confidence: the right ones above, the wrong ones below, each on its own scale."""
    parts, top = [], float(TOP + 12)
    for number, what, counts in ((3, "right", right), (2, "wrong", wrong)):
        parts.append(tag("text", text(f"{what}: {sum(counts):,}"), x=LEFT, y=top - 6, class_="label"))
        parts.append(_panel(counts, number, what, top))
        top += PANEL + GAP
    x = Scale(0, 100, LEFT, RIGHT)
    bottom = top - GAP
    for tick in (0, 20, 40, 60, 80, 100):
        parts.append(tag("text", text(tick), x=x(tick), y=bottom + 18, class_="tick middle"))
    parts.append(tag("text", "confidence", x=(LEFT + RIGHT) / 2, y=bottom + 38, class_="tick middle"))
    return chart(*parts, width=WIDTH, height=HEIGHT, label=f"Confidences of {name}, right and wrong predictions")


def _panel(counts: Sequence[int], number: int, what: str, top: float) -> str:
    marks = ticks(0, max([*counts, 1]), most=4, whole=True)
    x, y = Scale(0, len(counts), LEFT, RIGHT), Scale(0, marks[-1], top + PANEL, top)
    parts = []
    for tick in marks:
        parts.append(tag("line", x1=LEFT, x2=RIGHT, y1=y(tick), y2=y(tick), class_="grid"))
        parts.append(tag("text", text(f"{tick:g}"), x=LEFT - 6, y=y(tick) + 4, class_="tick end"))
    for place, count in enumerate(counts):
        if count:
            low, high = (100 * edge / len(counts) for edge in (place, place + 1))
            told = tag("title", text(f"{low:.0f} to {high:.0f}: {count:,} {what}"))
            height = max(y(0) - y(count), 1)
            box = {"x": x(place) + 1, "y": y(0) - height, "width": x(place + 1) - x(place) - 2, "height": height}
            parts.append(tag("rect", told, class_="bar", **box))
    return tag("g", *parts, class_=f"s{number}")
