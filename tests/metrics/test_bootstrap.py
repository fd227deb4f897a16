"""The paired bootstrap, against distributions that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.metrics.bootstrap import Outcomes, bounds, difference, interval, resample


def verdicts(*runs: list[int]) -> Outcomes:
    """Accuracy: one list of 0 and 1 per run."""
    array = np.array(runs, dtype=np.float64)
    return Outcomes(array, np.ones_like(array))


def test_the_interval_of_an_accuracy_is_the_binomials() -> None:
    system = verdicts([1] * 800 + [0] * 200)
    low, high = interval(resample([system])[0])
    half = 1.96 * math.sqrt(0.8 * 0.2 / 1000)
    assert low == pytest.approx(0.8 - half, abs=0.003)
    assert high == pytest.approx(0.8 + half, abs=0.003)


def test_where_all_or_none_are_right_the_interval_is_clopper_and_pearsons() -> None:
    """Twenty of twenty: the share whose chance of so many is 2.5 %."""
    for right, expected in ((1, (0.8316, 1.0)), (0, (0.0, 0.1684))):
        system = verdicts([right] * 20)
        assert bounds(system, resample([system])[0]) == pytest.approx(expected, abs=1e-4)


def test_utterances_without_annotation_do_not_narrow_it() -> None:
    numerators = np.array([[1.0] * 20 + [0.0] * 80])
    system = Outcomes(numerators, numerators)
    assert bounds(system, resample([system])[0])[0] == pytest.approx(0.8316, abs=1e-4)


@given(half=st.integers(0, 6), size=st.integers(1, 40))
def test_an_interval_without_width_is_widened_around_the_figure(half: int, size: int) -> None:
    """Every utterance scores the same; the more there are, the surer that is."""
    system, larger = (Outcomes(np.full((1, n), float(half)), np.full((1, n), 6.0)) for n in (size, size + 1))
    low, high = bounds(system, resample([system], resamples=50)[0])
    narrower = bounds(larger, resample([larger], resamples=50)[0])
    assert 0 <= low <= system.value() <= high <= 1
    assert high - low > narrower[1] - narrower[0]


def test_other_intervals_are_the_percentiles() -> None:
    system = verdicts([1] * 15 + [0] * 5)
    values = resample([system])[0]
    assert bounds(system, values) == interval(values)


def test_identical_systems_have_p_one_half() -> None:
    system = verdicts([1, 0, 1, 1, 0] * 20)
    values = resample([system, system], resamples=1000)
    found = difference(system, system, values[0], values[1])
    assert found.p == pytest.approx(0.5, abs=0.001)
    assert (found.difference, found.low, found.high) == (0.0, 0.0, 0.0)


def test_equally_good_systems_that_err_elsewhere_have_p_near_one_half() -> None:
    first, second = verdicts([1] * 50 + [0] * 50), verdicts([0] * 50 + [1] * 50)
    values = resample([first, second])
    assert difference(first, second, values[0], values[1]).p == pytest.approx(0.5, abs=0.02)


def test_it_is_paired_a_few_utterances_that_only_one_gets_right_decide() -> None:
    """Better on 3 of 1000 and worse on none: a resample is not better only where it draws none of the three, which is
    a tie and counts half."""
    base = [1] * 500 + [0] * 500
    better = verdicts([1] * 503 + [0] * 497)
    worse = verdicts(base)
    values = resample([better, worse])
    found = difference(better, worse, values[0], values[1])
    assert found.p == pytest.approx(0.5 * (1 - 3 / 1000) ** 1000, abs=0.005)
    assert found.difference == pytest.approx(0.003)
    assert found.low >= 0  # unpaired, it would reach far below


def test_the_two_directions_add_up_to_one() -> None:
    generator = np.random.default_rng(3)
    first, second = (Outcomes(generator.integers(0, 2, (2, 80)).astype(float), np.ones((2, 80))) for _ in range(2))
    values = resample([first, second], resamples=2000)
    there, back = difference(first, second, *values), difference(second, first, *values[::-1])
    assert there.p + back.p == pytest.approx(1.0, abs=0.002)
    assert there.difference == -back.difference
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_f1_is_a_ratio_of_sums_and_not_a_mean_of_ratios() -> None:
    spans = Outcomes(np.array([[2.0, 0.0, 8.0]]), np.array([[2.0, 2.0, 8.0]]))
    assert spans.value() == pytest.approx(10 / 12)
    alone = Outcomes(spans.numerators[:, 2:], spans.denominators[:, 2:])
    assert resample([alone], resamples=5).tolist() == [[1.0] * 5]


def test_runs_are_averaged_and_unannotated_utterances_carry_no_weight() -> None:
    first = Outcomes(np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]]), np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]))
    assert first.value() == pytest.approx(0.75)
    values = resample([first], resamples=400)[0]
    assert set(np.round(values, 6)) <= {0.5, 0.75, 1.0, round(5 / 6, 6), round(2 / 3, 6)}


def test_nothing_to_find_and_nothing_found_is_right() -> None:
    assert Outcomes(np.zeros((1, 4)), np.zeros((1, 4))).value() == 1.0


def test_the_same_seed_gives_the_same_resamples_also_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    system = verdicts([1, 0, 0, 1, 1, 1, 0] * 10)
    once = resample([system], resamples=100)
    assert (resample([system], resamples=100) == once).all()
    assert (resample([system], resamples=100, seed=1) != once).any()
    monkeypatch.setattr("nlu_kit.metrics.bootstrap._CELLS", 70 * 30)
    assert resample([system], resamples=100).shape == (1, 100)


def test_systems_on_different_utterances_are_refused() -> None:
    with pytest.raises(ValueError, match="same utterances"):
        resample([verdicts([1, 0]), verdicts([1, 0, 1])])
