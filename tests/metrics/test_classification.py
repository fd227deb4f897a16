"""F1 and the row of each label, by hand and against sklearn."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from nlu_kit.metrics.classification import classification_report, macro_f1
from nlu_kit.metrics.report import HeadReport


def test_by_hand() -> None:
    # a: 2 of 2 found, 2 of 3 right -> F1 0.8; b: 1 of 2 found, 1 of 1 right -> F1 2/3
    assert macro_f1(["a", "a", "b", "b"], ["a", "a", "a", "b"]) == pytest.approx((0.8 + 2 / 3) / 2)


def test_macro_is_over_the_labels_of_gold_only() -> None:
    # "c" is only ever predicted: it costs "a" recall, but is no class of its own
    assert macro_f1(["a", "a"], ["a", "c"]) == pytest.approx(2 / 3)


def test_a_label_that_is_never_predicted_counts_as_wrong_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert macro_f1(["a", "new"], ["a", "a"]) == pytest.approx((2 / 3 + 0) / 2)


def test_lists_of_different_length_are_a_mistake() -> None:
    with pytest.raises(ValueError):
        macro_f1(["a"], [])


def test_a_row_for_every_label_of_either_side() -> None:
    # "c" is only ever predicted, "new" never
    report = classification_report(["a", "a", "b", "a", "new"], ["a", "c", "b", "b", "b"])
    rows = {row.label: (row.precision, row.recall, row.f1, row.support, row.predicted) for row in report.labels}
    assert list(rows) == ["a", "b", "new", "c"]  # by how often they occur, then by name
    assert rows["a"] == pytest.approx((1.0, 1 / 3, 0.5, 3, 1))
    assert rows["b"] == pytest.approx((1 / 3, 1.0, 0.5, 1, 3))
    assert rows["new"] == (0.0, 0.0, 0.0, 1, 0)
    assert rows["c"] == (0.0, 0.0, 0.0, 0, 1)
    assert report.confusion is not None
    assert list(report.confusion.labels) == ["a", "b", "new", "c"]
    assert [list(row) for row in report.confusion.counts] == [[1, 1, 0, 1], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    assert report.metrics == pytest.approx({"micro_f1": 2 * 2 / (5 + 4), "weighted_f1": (3 * 0.5 + 0.5) / 5})


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1, max_size=30))
def test_the_report_agrees_with_sklearn(pairs: list[tuple[str, str]]) -> None:
    gold, predicted = [g for g, _ in pairs], [p for _, p in pairs]
    report, labels = classification_report(gold, predicted), sorted(set(gold))
    for average in ("micro", "weighted"):
        expected = f1_score(gold, predicted, labels=labels, average=average, zero_division=0)
        assert report.metrics[f"{average}_f1"] == pytest.approx(expected)
    macro = [row.f1 for row in report.labels if row.support]
    assert macro_f1(gold, predicted) == pytest.approx(sum(macro) / len(macro))
    assert report.confusion is not None
    assert sum(map(sum, report.confusion.counts)) == len(pairs)


def test_no_example_has_an_empty_report() -> None:
    assert classification_report([], []) == HeadReport()
