"""A bar for each label of a head, from 0 to 100 %."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from nlu_kit.report.numbers import percent
from nlu_kit.report.scales import Scale
from nlu_kit.report.svg import chart, tag, text

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
