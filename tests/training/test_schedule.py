"""The multiplier of the learning rates, step by step."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.training.optimiser import schedule_factor

KINDS = ["cosine", "linear", "constant"]


def factors(kind: str, *, total: int, warmup: int = 0) -> list[float]:
    return [schedule_factor(step, total=total, warmup=warmup, kind=kind) for step in range(total)]


def test_cosine_by_hand() -> None:
    assert factors("cosine", total=4) == pytest.approx([1.0, 0.5 + math.sqrt(0.5) / 2, 0.5, 0.5 - math.sqrt(0.5) / 2])


def test_linear_by_hand() -> None:
    assert factors("linear", total=4) == pytest.approx([1.0, 0.75, 0.5, 0.25])


def test_warmup_rises_to_the_full_rate_and_then_falls() -> None:
    assert factors("linear", total=6, warmup=2) == pytest.approx([0.5, 1.0, 1.0, 0.75, 0.5, 0.25])
    assert factors("constant", total=4, warmup=2) == pytest.approx([0.5, 1.0, 1.0, 1.0])


@pytest.mark.parametrize("kind", ["cosine", "linear"])
def test_it_ends_at_zero_and_stays_there(kind: str) -> None:
    assert schedule_factor(10, total=10, warmup=3, kind=kind) == pytest.approx(0.0)
    assert schedule_factor(50, total=10, warmup=3, kind=kind) == pytest.approx(0.0)


@given(kind=st.sampled_from(KINDS), total=st.integers(1, 200), share=st.floats(0, 0.99))
def test_it_rises_once_falls_once_and_every_step_learns(kind: str, total: int, share: float) -> None:
    warmup = int(share * total)
    values = factors(kind, total=total, warmup=warmup)
    assert all(0 < value <= 1 for value in values)
    assert values[:warmup] == sorted(values[:warmup])
    assert values[warmup:] == sorted(values[warmup:], reverse=True)
    assert max(values) == 1.0
