"""Horizontal bars from 0 to 100 %, with the interval of each figure and a dot for each of its runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from nlu_kit.report.numbers import percent
from nlu_kit.report.svg import Scale, chart, tag, text

WIDTH, ROW, BAR = 340, 40, 14
LEFT, RIGHT, TOP, FOOT = 6, 328, 2, 22
_LONGEST = 38  # characters of a label that fit above its bar, beside the figure


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure in [0, 1], its ``interval`` where there is one, and the figures of its runs."""

    number: int
    label: str
    value: float
    runs: Sequence[float]
    interval: tuple[float, float] | None


def bar_chart(bars: Sequence[Bar], *, name: str) -> Markup:
    """The chart. Bars begin at 0, so that their lengths may be compared."""
    x = Scale(0, 100, LEFT, RIGHT)
    bottom = TOP + ROW * len(bars)
    parts = []
    for tick in (0, 25, 50, 75, 100):
        anchor = {0: "tick", 100: "tick end"}.get(tick, "tick middle")
        parts.append(tag("line", x1=x(tick), x2=x(tick), y1=TOP, y2=bottom, class_="grid"))
        parts.append(tag("text", text(tick), x=x(tick), y=bottom + 15, class_=anchor))
    parts += [_bar(bar, x, TOP + ROW * position) for position, bar in enumerate(bars)]
    return chart(*parts, width=WIDTH, height=bottom + FOOT, label=f"{name} of each combination, in percent")


def _bar(bar: Bar, x: Scale, top: float) -> str:
    label = f"{bar.number} {bar.label}"
    short = label if len(label) <= _LONGEST else f"{label[: _LONGEST // 2]}…{label[1 - _LONGEST // 2 :]}"
    middle = top + 18 + BAR / 2
    told = f"{label}: {percent(bar.value)}"
    parts = [
        tag("text", text(short), x=LEFT, y=top + 13, class_="label"),
        tag("text", text(percent(bar.value)), x=RIGHT, y=top + 13, class_="label end value"),
        tag("rect", x=LEFT, y=top + 18, width=max(x(100 * bar.value) - LEFT, 0.5), height=BAR, class_="bar"),
    ]
    if bar.interval is not None:
        low, high = (x(100 * edge) for edge in bar.interval)
        told += f", interval {percent(bar.interval[0])} to {percent(bar.interval[1])}"
        ends = [[(at, middle - 4), (at, middle + 4)] for at in (low, high)]
        parts += [tag("path", d=path_of(line), class_="whisker") for line in ([(low, middle), (high, middle)], *ends)]
    if len(bar.runs) > 1:
        parts += [tag("circle", cx=x(100 * run), cy=middle, r=2, class_="seed") for run in bar.runs]
    return tag("g", tag("title", text(told)), *parts, class_=f"s{bar.number}")


def path_of(line: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in line)


WIDTH, ROW, BAR = 340, 32, 8
LEFT, RIGHT = 2, 336
_LONGEST = 30


@dataclass(frozen=True, slots=True)
class LabelBar:
    """A figure in [0, 1]; ``support``: how often the label is annotated."""

    label: str
    value: float
    support: int


def label_bars(bars: Sequence[LabelBar], *, name: str) -> Markup:
    """The chart: above each bar its label, how often it occurs, and the figure."""
    x = Scale(0, 1, LEFT, RIGHT)
    parts = []
    for position, bar in enumerate(bars):
        top = ROW * position
        short = bar.label if len(bar.label) <= _LONGEST else f"{bar.label[: _LONGEST - 1]}…"
        told = tag("title", text(f"{bar.label}: {percent(bar.value)}, {bar.support:,} annotated"))
        count = tag("tspan", text(f"{bar.support:,}"), dx=8, class_="tick")
        parts += [
            tag("text", told, text(short), count, x=LEFT, y=top + 14),
            tag("text", text(percent(bar.value)), x=RIGHT, y=top + 14, class_="end value"),
            tag("rect", x=LEFT, y=top + 19, width=RIGHT - LEFT, height=BAR, class_="cell", fill_opacity=0.12),
            tag("rect", x=LEFT, y=top + 19, width=max(x(bar.value) - LEFT, 0.5), height=BAR, class_="bar"),
        ]
    return chart(tag("g", *parts, class_="s1"), width=WIDTH, height=ROW * len(bars), label=f"{name} by label, percent")
