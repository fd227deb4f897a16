"""The threshold with the highest F1, against trying them all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.metrics.calibration import best_threshold, tune_thresholds


def f1(probabilities: np.ndarray, gold: np.ndarray, threshold: float) -> float:
    predicted = probabilities >= threshold
    return float(2 * (predicted & gold).sum() / (predicted.sum() + gold.sum()))


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 1.0]), st.booleans()), min_size=1, max_size=12))
def test_no_threshold_is_better(rows: list[tuple[float, bool]]) -> None:
    probabilities, gold = np.array([p for p, _ in rows]), np.array([g for _, g in rows])
    threshold = best_threshold(probabilities, gold, otherwise=0.4)
    assert 0 < threshold < 1
    if not gold.any() or not probabilities.any():
        assert threshold == 0.4
    else:
        best = max(f1(probabilities, gold, t) for t in (0.05, 0.2, 0.4, 0.6, 0.8, 1.0))
        assert f1(probabilities, gold, threshold) == pytest.approx(best)


def test_it_lies_half_way_and_near_the_middle() -> None:
    probabilities, gold = np.array([0.9, 0.8, 0.2, 0.1]), np.array([True, True, False, False])
    assert best_threshold(probabilities, gold, otherwise=0.4) == pytest.approx(0.5)
    # After the first and after the third, F1 is 2/3 and 4/5: the third
    assert best_threshold(probabilities, np.array([True, False, True, False]), otherwise=0.4) == pytest.approx(0.15)


def test_neighbouring_floats_are_kept_apart() -> None:
    low = 0.3
    high = np.nextafter(low, 1)
    threshold = best_threshold(np.array([high, low]), np.array([True, False]), otherwise=0.9)
    assert threshold <= high  # whatever rounding does, what is gold on dev is predicted


def test_rare_classes_share_the_common_one() -> None:
    probabilities = np.array([[0.9, 0.30], [0.8, 0.20], [0.2, 0.10], [0.1, 0.05]])
    gold = np.array([[True, True], [True, False], [False, False], [False, False]])
    common, own = tune_thresholds(probabilities, gold, min_support=2, otherwise=0.5)
    assert own == {0: pytest.approx(0.5)}
    assert common == pytest.approx(0.25)
    assert tune_thresholds(probabilities, np.zeros_like(gold), min_support=1, otherwise=0.5) == (0.5, {})
