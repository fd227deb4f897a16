"""Latency is measured on a bounded number of texts, after a warm-up."""

from __future__ import annotations

from typing import Any

import pytest

from nlu_kit.evaluate import cost
from nlu_kit.evaluate.cost import latencies


def test_texts_are_spread_and_bounded() -> None:
    asked = list[str]()
    texts = [str(number) for number in range(1000)]
    found = latencies(asked.append, texts)
    assert len(found) == cost.TEXTS
    assert asked[cost.WARM_UP :] == [str(number) for number in range(0, 1000, 5)]
    assert all(seconds >= 0 for seconds in found)


def test_a_slow_model_is_asked_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(cost.time, "perf_counter", lambda: next(clock))
    assert len(latencies(len, [str(number) for number in range(100)])) == cost.SECONDS + 1


def test_one_text() -> None:
    asked: list[Any] = []
    assert len(latencies(asked.append, ["x"])) == 1
    assert asked == ["x", "x"]
