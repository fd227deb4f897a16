"""Places on a chart: whatever the figures are, ticks frame them and labels stay apart."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.report.svg import Scale, spread_out, ticks

FIGURES = st.floats(0, 100, allow_nan=False).map(lambda value: round(value, 4))


@given(FIGURES, FIGURES, st.integers(3, 9))
def test_ticks_frame_the_figures(one: float, other: float, most: int) -> None:
    low, high = min(one, other), max(one, other)
    found = ticks(low, high, most=most)
    assert 2 <= len(found) <= most
    assert found[0] <= low + 1e-6
    assert found[-1] >= high - 1e-6
    steps = [after - before for before, after in pairwise(found)]
    assert steps == pytest.approx([steps[0]] * len(steps))


@given(st.integers(2, 500))
def test_epochs_have_whole_ticks(last: int) -> None:
    assert all(tick == int(tick) for tick in ticks(1, last, whole=True))


def test_round_steps() -> None:
    assert ticks(0, 100) == [0, 20, 40, 60, 80, 100]
    assert ticks(91.2, 93.4) == [91, 91.5, 92, 92.5, 93, 93.5]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8))
def test_labels_are_apart_in_order_and_inside(places: list[float]) -> None:
    moved = spread_out(places, gap=12, low=0, high=100)
    assert all(-1e-9 <= place <= 100 + 1e-9 for place in moved)
    ordered = sorted(moved)
    assert all(after - before >= 12 - 1e-6 for before, after in pairwise(ordered))
    order = sorted(range(len(places)), key=lambda i: places[i])
    assert [moved[i] for i in order] == ordered


def test_labels_with_room_stay_where_they_are() -> None:
    assert spread_out([10, 50, 90], gap=12, low=0, high=100) == [10, 50, 90]


def test_a_vertical_scale_runs_upwards() -> None:
    scale = Scale(0, 100, 200, 0)
    assert [scale(value) for value in (0, 25, 100)] == [200, 150, 0]
