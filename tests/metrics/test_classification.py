"""Accuracy and macro F1 by hand."""

from __future__ import annotations

import warnings

import pytest

from nlu_kit.metrics.classification import classification_scores


def test_by_hand() -> None:
    # a: 2 of 2 found, 2 of 3 right -> F1 0.8; b: 1 of 2 found, 1 of 1 right -> F1 2/3
    scores = classification_scores(["a", "a", "b", "b"], ["a", "a", "a", "b"])
    assert scores == pytest.approx({"accuracy": 0.75, "macro_f1": (0.8 + 2 / 3) / 2})


def test_macro_is_over_the_labels_of_gold_only() -> None:
    # "c" is only ever predicted: it costs "a" recall, but is no class of its own
    scores = classification_scores(["a", "a"], ["a", "c"])
    assert scores == pytest.approx({"accuracy": 0.5, "macro_f1": 2 / 3})


def test_a_label_that_is_never_predicted_counts_as_wrong_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = classification_scores(["a", "new"], ["a", "a"])
    assert scores == pytest.approx({"accuracy": 0.5, "macro_f1": (2 / 3 + 0) / 2})


def test_no_example_has_no_score() -> None:
    assert classification_scores([], []) == {}


def test_lists_of_different_length_are_a_mistake() -> None:
    with pytest.raises(ValueError):
        classification_scores(["a"], [])
