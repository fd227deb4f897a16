"""Two figures against each other: what one task gains and what it costs the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from markupsafe import Markup

from nlu_kit.report.numbers import percent
from nlu_kit.report.svg import Scale, chart, spread_out, tag, text, ticks

WIDTH, HEIGHT = 340, 290
LEFT, RIGHT, TOP, BOTTOM = 38, 326, 12, 240


@dataclass(frozen=True, slots=True)
class Cloud:
    """``points`` are (horizontal, vertical) in [0, 1], one per run."""

    number: int
    label: str
    points: Sequence[tuple[float, float]]

    @property
    def centre(self) -> tuple[float, float]:
        return fmean(x for x, _ in self.points), fmean(y for _, y in self.points)


def scatter(clouds: Sequence[Cloud], *, x_name: str, y_name: str) -> Markup:
    """The chart: a large numbered mark at each mean, a small one for each run. The axes need not begin at 0."""
    points = [(100 * x, 100 * y) for cloud in clouds for x, y in cloud.points]
    x_ticks, y_ticks = (ticks(min(p[axis] for p in points), max(p[axis] for p in points)) for axis in (0, 1))
    x, y = Scale(x_ticks[0], x_ticks[-1], LEFT + 8, RIGHT - 14), Scale(y_ticks[0], y_ticks[-1], BOTTOM - 8, TOP)
    parts = []
    for tick in x_ticks:
        parts.append(tag("line", x1=x(tick), x2=x(tick), y1=TOP, y2=BOTTOM, class_="grid"))
        parts.append(tag("text", text(f"{tick:g}"), x=x(tick), y=BOTTOM + 16, class_="tick middle"))
    for tick in y_ticks:
        parts.append(tag("line", x1=LEFT, x2=RIGHT, y1=y(tick), y2=y(tick), class_="grid"))
        parts.append(tag("text", text(f"{tick:g}"), x=LEFT - 6, y=y(tick) + 4, class_="tick end"))
    parts.append(tag("text", text(f"→ {x_name}"), x=RIGHT, y=BOTTOM + 36, class_="tick end"))
    parts += _marks(clouds, x, y)
    label = f"{y_name} against {x_name}, in percent"
    return chart(*parts, width=WIDTH, height=HEIGHT, label=label)


def _marks(clouds: Sequence[Cloud], x: Scale, y: Scale) -> list[str]:
    centres = [(x(100 * cloud.centre[0]), y(100 * cloud.centre[1])) for cloud in clouds]
    seeds, means, names = [], [], []
    heights = _label_heights(centres)
    for cloud, (across, up), height in zip(clouds, centres, heights, strict=True):
        told = f"{cloud.number} {cloud.label}: {percent(cloud.centre[0])} / {percent(cloud.centre[1])}"
        dots = [tag("circle", cx=x(100 * a), cy=y(100 * b), r=2.5, class_="seed") for a, b in cloud.points]
        seeds.append(tag("g", *(dots if len(dots) > 1 else []), class_=f"s{cloud.number}"))
        mark = tag("circle", tag("title", text(told)), cx=across, cy=up, r=5, class_="dot")
        means.append(tag("g", mark, class_=f"s{cloud.number}"))
        names.append(tag("text", text(cloud.number), x=across + 8, y=height + 4, class_=f"s{cloud.number} name"))
    return seeds + means + names


def _label_heights(centres: Sequence[tuple[float, float]]) -> list[float]:
    """Where the numbers go: beside their marks, apart where marks are close to each other."""
    heights = [up for _, up in centres]
    order = sorted(range(len(centres)), key=lambda i: centres[i][0])
    groups: list[list[int]] = []
    for i in order:  # a group: neighbours whose numbers could touch
        near = groups and centres[i][0] - centres[groups[-1][-1]][0] < 22
        groups[-1].append(i) if near else groups.append([i])
    for group in groups:
        places = spread_out([heights[i] for i in group], gap=12, low=TOP, high=BOTTOM)
        for i, place in zip(group, places, strict=True):
            heights[i] = place
    return heights
