"""Learning curves: a mean line for each series, with a band from the lowest to the highest of its runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from markupsafe import Markup

from nlu_kit.report.numbers import epochs as short
from nlu_kit.report.svg import Scale, chart, path, spread_out, tag, text, ticks

WIDTH, HEIGHT = 340, 240
LEFT, RIGHT, TOP, BOTTOM = 38, 318, 10, 200


@dataclass(frozen=True, slots=True)
class Series:
    """``number`` is its name and colour; one list of figures in [0, 1] per run, the first at epoch 1."""

    number: int
    label: str
    runs: Sequence[Sequence[float]]

    @property
    def shared(self) -> int:
        """How many epochs all of its runs have reached."""
        return min(len(run) for run in self.runs)

    def means(self) -> list[float]:
        """By epoch, over the runs that have reached it."""
        longest = max(len(run) for run in self.runs)
        return [fmean(run[epoch] for run in self.runs if epoch < len(run)) for epoch in range(longest)]


def learning_curves(series: Sequence[Series], *, name: str) -> Markup:
    """The chart. A line is solid as far as all of its runs go, and dotted where the mean is of fewer."""
    everything = [100 * value for one in series for run in one.runs for value in run]
    y_ticks = ticks(min(everything), max(everything))
    last = max(len(run) for one in series for run in one.runs)
    x_ticks = [tick for tick in ticks(1, max(last, 2), whole=True) if 1 <= tick <= last]
    x, y = Scale(1, max(last, 2), LEFT + 4, RIGHT - 10), Scale(y_ticks[0], y_ticks[-1], BOTTOM, TOP)
    parts = [_frame(x, y, x_ticks, y_ticks)]
    ends = []
    for one in series:
        points = [(x(epoch), y(100 * mean)) for epoch, mean in enumerate(one.means(), start=1)]
        parts.append(_line(one, points, x, y))
        ends.append(points[-1])
    places = spread_out([at[1] for at in ends], gap=12, low=TOP + 4, high=BOTTOM)
    for one, (end, _), place in zip(series, ends, places, strict=True):
        parts.append(tag("text", text(one.number), x=end + 6, y=place + 4, class_=f"s{one.number} name"))
    return chart(*parts, width=WIDTH, height=HEIGHT, label=f"Learning curves of {name}, percent by epoch")


def _frame(x: Scale, y: Scale, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> str:
    parts = []
    for tick in y_ticks:
        parts.append(tag("line", x1=LEFT, x2=RIGHT, y1=y(tick), y2=y(tick), class_="grid"))
        parts.append(tag("text", text(f"{tick:g}"), x=LEFT - 6, y=y(tick) + 4, class_="tick end"))
    for tick in x_ticks:
        parts.append(tag("text", text(f"{tick:g}"), x=x(tick), y=BOTTOM + 17, class_="tick middle"))
    parts.append(tag("text", "epoch", x=(LEFT + RIGHT) / 2, y=BOTTOM + 34, class_="tick middle"))
    return "".join(parts)


def _line(one: Series, points: Sequence[tuple[float, float]], x: Scale, y: Scale) -> str:
    shared = one.shared
    title = tag("title", text(f"{one.number} {one.label}: {short(len(points))} epochs"))
    band = ""
    if len(one.runs) > 1 and shared > 1:
        by_epoch = [[100 * run[epoch] for run in one.runs] for epoch in range(shared)]
        upper = [(x(epoch), y(max(values))) for epoch, values in enumerate(by_epoch, start=1)]
        lower = [(x(epoch), y(min(values))) for epoch, values in enumerate(by_epoch, start=1)]
        band = tag("path", d=path([*upper, *reversed(lower)], close=True), class_="band")
    parts = [title, band, tag("path", d=path(points[:shared]), class_="line")]
    if len(points) > shared:
        parts.append(tag("path", d=path(points[shared - 1 :]), class_="line fewer"))
    parts.append(tag("circle", cx=points[-1][0], cy=points[-1][1], r=2.5, class_="dot"))
    return tag("g", *parts, class_=f"s{one.number}")
