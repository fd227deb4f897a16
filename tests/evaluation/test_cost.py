"""Latency is measured on a bounded number of texts, after a warm-up."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from nlu_kit.evaluation import cost
from nlu_kit.evaluation.cost import latencies


def test_texts_are_spread_and_bounded() -> None:
    asked = list[str]()
    texts = [str(number) for number in range(399)]
    found = latencies(asked.append, texts)
    assert len(found) == cost.TEXTS
    places = sorted(int(text) for text in asked[cost.WARM_UP :])
    assert (places[0], places[-1]) == (0, 398)
    assert {after - before for before, after in pairwise(places)} == {2}
    assert all(seconds >= 0 for seconds in found)


def test_a_slow_model_is_asked_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """And still by texts from all over the data."""
    clock, asked = iter(range(1000)), list[str]()
    monkeypatch.setattr(cost.time, "perf_counter", lambda: next(clock))
    found = latencies(asked.append, [str(number) for number in range(100)])
    assert len(found) == cost.SECONDS + 1
    assert {int(text) // 25 for text in asked[cost.WARM_UP :]} == {0, 1, 2, 3}


def test_one_text() -> None:
    asked: list[Any] = []
    assert len(latencies(asked.append, ["x"])) == 1
    assert asked == ["x", "x"]
