"""Temperatures and calibration errors, against what is known by construction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nlu_kit.metrics.calibration import (
    HIGHEST,
    LOWEST,
    expected_calibration_error,
    fit_temperature,
    reliability,
    shrunk_temperature,
    softmax,
)


def drawn(seed: int = 0, rows: int = 4000, classes: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from just the probabilities that they say."""
    generator = np.random.default_rng(seed)
    logits = 2 * generator.normal(size=(rows, classes))
    labels = np.array([generator.choice(classes, p=row) for row in softmax(logits)])
    return logits, labels


def likelihood(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    return float(np.log(softmax(logits / temperature)[np.arange(len(labels)), labels]).mean())


@pytest.mark.parametrize("factor", [0.2, 1.0, 3.0])
def test_it_finds_the_factor_that_logits_were_multiplied_by(factor: float) -> None:
    logits, labels = drawn()
    assert fit_temperature(factor * logits, labels) == pytest.approx(factor, rel=0.05)


def test_no_other_temperature_is_likelier() -> None:
    logits, labels = drawn(seed=1)
    best = fit_temperature(3 * logits, labels)
    for other in (0.5, 0.9, 1.1, 2.0):
        assert likelihood(3 * logits, labels, best) > likelihood(3 * logits, labels, best * other)


def test_a_dev_set_that_is_all_right_does_not_ask_for_certainty() -> None:
    logits = np.tile([8.0, 0.0, 0.0], (30, 1))
    temperature = fit_temperature(logits, np.zeros(30, dtype=int))
    assert LOWEST < temperature < HIGHEST
    assert softmax(logits / temperature)[0, 0] == pytest.approx(1 - 1 / 32, abs=0.02)


def test_a_dev_set_that_is_all_wrong_or_undecided() -> None:
    wrong = np.tile([8.0, 0.0], (30, 1))
    assert fit_temperature(wrong, np.ones(30, dtype=int)) == pytest.approx(HIGHEST)
    assert LOWEST <= fit_temperature(np.zeros((30, 4)), np.zeros(30, dtype=int)) <= HIGHEST


def test_where_there_is_nothing_to_fit_it_is_one() -> None:
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, dtype=int)) == 1.0
    assert fit_temperature(np.ones((5, 1)), np.zeros(5, dtype=int)) == 1.0
    assert fit_temperature(np.ones((2, 3)), np.array([-100, -100])) == 1.0


def test_rows_without_a_label_are_left_out() -> None:
    logits, labels = drawn(rows=500)
    more = np.concatenate([logits, np.full((50, 12), 1e6)])
    assert fit_temperature(more, np.append(labels, np.full(50, -100))) == fit_temperature(logits, labels)


def test_what_can_not_be_fitted() -> None:
    with pytest.raises(ValueError, match=r"logits \[N, C\] and labels \[N\] are wanted"):
        fit_temperature(np.zeros((2, 3)), np.zeros(3, dtype=int))
    with pytest.raises(ValueError, match="are no numbers"):
        fit_temperature(np.array([[np.nan, 0.0]]), np.array([0]))


@settings(max_examples=60)
@given(
    npst.arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(1, 6)), elements=st.floats(-1e4, 1e4)),
    st.data(),
)
def test_it_is_always_a_bounded_number(logits: np.ndarray, data: st.DataObject) -> None:
    labels = data.draw(npst.arrays(np.int64, len(logits), elements=st.integers(-1, logits.shape[1] - 1)))
    assert LOWEST <= fit_temperature(logits, labels) <= HIGHEST


def test_reliability_by_hand() -> None:
    table = reliability(np.array([0.0, 0.5, 0.51, 1.0]), np.array([False, True, False, True]), bins=2)
    assert [(row.low, row.high, row.count) for row in table] == [(0.0, 0.5, 2), (0.5, 1.0, 2)]
    assert [row.confidence for row in table] == pytest.approx([0.25, 0.755])
    assert [row.accuracy for row in table] == [0.5, 0.5]


def test_the_calibration_error_by_hand() -> None:
    confidences, right = np.array([0.9, 0.9, 0.3]), np.array([True, False, False])
    assert expected_calibration_error(confidences, right) == pytest.approx((2 * 0.4 + 0.3) / 3)
    assert expected_calibration_error(np.ones(5), np.ones(5)) == 0
    assert expected_calibration_error(np.ones(5), np.zeros(5)) == 1
    assert expected_calibration_error(np.array([]), np.array([])) == 0


def test_scaling_by_the_fitted_temperature_lowers_it() -> None:
    logits, labels = drawn(seed=2)
    right = logits.argmax(axis=1) == labels
    loud = 4 * logits
    before = expected_calibration_error(softmax(loud).max(axis=1), right)
    after = expected_calibration_error(softmax(loud / fit_temperature(loud, labels)).max(axis=1), right)
    assert before > 0.2
    assert after < 0.03


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60), st.integers(1, 20))
def test_every_prediction_is_in_one_bin(pairs: list[tuple[float, bool]], bins: int) -> None:
    confidences, right = np.array([c for c, _ in pairs]), np.array([r for _, r in pairs], dtype=bool)
    table = reliability(confidences, right, bins=bins)
    assert sum(row.count for row in table) == len(pairs)
    assert sum(row.count * row.accuracy for row in table) == pytest.approx(right.sum())
    assert all(row.low - 1e-9 <= row.confidence <= row.high + 1e-9 for row in table if row.count)
    assert 0 <= expected_calibration_error(confidences, right, bins=bins) <= 1


@pytest.mark.parametrize(("count", "expected"), [(0, 1.5), (15, (1.5 * 6) ** 0.5), (30, 6.0), (300, 6.0)])
def test_a_temperature_of_few_predictions_is_shrunk_to_what_is_known(count: int, expected: float) -> None:
    assert shrunk_temperature(6.0, count, known=1.5) == pytest.approx(expected)
