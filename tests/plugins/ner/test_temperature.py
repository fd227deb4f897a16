"""The lowest point, also of functions with more than one valley."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit_ner.temperature import lowest


@given(at=st.floats(-3, 3))
def test_a_valley_is_found(at: float) -> None:
    assert lowest(lambda x: abs(x - at), -3, 3) == pytest.approx(at, abs=0.01)


def test_the_deeper_of_two_valleys() -> None:
    assert lowest(lambda x: min((x + 2) ** 2, (x - 2) ** 2 - 0.5), -3, 3) == pytest.approx(2, abs=0.01)


def test_the_edges() -> None:
    assert lowest(lambda x: x, 0, 1) == pytest.approx(0, abs=0.01)
    assert lowest(lambda x: -x, 0, 1) == pytest.approx(1, abs=0.01)


def test_as_many_evaluations_as_promised() -> None:
    calls: list[float] = []
    lowest(lambda x: calls.append(x) or math.cos(x), 0, 3, points=7, steps=4)  # type: ignore[func-returns-value]
    assert len(calls) == 7 + 4 + 2
