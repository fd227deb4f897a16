"""Ratios of sums over utterances, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.metrics.counts import Counts, accuracy, set_counts


def test_accuracy_leaves_out_what_is_not_annotated() -> None:
    counted = accuracy([True, None, False, True])
    assert counted.numerators.tolist() == [1, 0, 0, 1]
    assert counted.denominators.tolist() == [1, 0, 1, 1]
    assert counted.value == pytest.approx(2 / 3)


def test_nothing_counted_is_zero() -> None:
    assert accuracy([None, None]).value == 0
    assert Counts.of([]).value == 0


def test_sets_by_hand() -> None:
    counts = set_counts([({"a", "b"}, {"a"}), (set(), {"c"}), ({"a", "b"}, {"a", "b"}), None])
    assert {name: one.value for name, one in counts.items()} == pytest.approx(
        {"precision": 3 / 4, "recall": 3 / 4, "f1": 3 / 4}
    )
    assert counts["f1"].denominators.tolist() == [3, 1, 4, 0]


labels = st.sets(st.sampled_from("abcd"))


@given(st.lists(st.none() | st.tuples(labels, labels), max_size=6))
def test_f1_is_the_harmonic_mean(rows: list[tuple[set[str], set[str]] | None]) -> None:
    counts = {name: one.value for name, one in set_counts(rows).items()}
    if not any(row and row[0] for row in rows):
        assert counts == {}
        return
    precision, recall = counts["precision"], counts["recall"]
    expected = 2 * precision * recall / (precision + recall) if precision + recall else 0
    assert counts["f1"] == pytest.approx(expected)
    assert all(0 <= value <= 1 for value in counts.values())
    assert np.isfinite(list(counts.values())).all()
