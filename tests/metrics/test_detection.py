"""AUROC and FPR@95 against their definitions, and what a threshold does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.metrics.detection import auroc, fpr_at_tpr, rejection_scores

SCORES = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=30)


@given(SCORES, SCORES)
def test_auroc_is_the_share_of_pairs_in_the_right_order(inside: list[float], outside: list[float]) -> None:
    pairs = [(a, b) for a in inside for b in outside]
    expected = sum(1.0 if b > a else 0.5 if a == b else 0.0 for a, b in pairs) / len(pairs)
    assert auroc(np.array(inside), np.array(outside)) == pytest.approx(expected)


def test_auroc_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    generator = np.random.default_rng(0)
    inside, outside = generator.normal(size=300), generator.normal(1, 2, size=80)
    labels = [0] * 300 + [1] * 80
    assert auroc(inside, outside) == pytest.approx(roc_auc_score(labels, np.concatenate([inside, outside])))


def test_fpr_at_tpr_by_hand() -> None:
    inside = np.arange(100.0)  # 95 % of them are at most 94
    assert fpr_at_tpr(inside, np.array([94.0, 94.5, 95.0, 1000.0])) == 0.25
    assert fpr_at_tpr(inside, np.array([200.0])) == 0
    assert fpr_at_tpr(inside, np.array([-1.0]), tpr=1.0) == 1


@given(SCORES, SCORES)
def test_the_threshold_of_fpr_accepts_enough(inside: list[float], outside: list[float]) -> None:
    rate = fpr_at_tpr(np.array(inside), np.array(outside))
    best = min(
        sum(score <= threshold for score in outside) / len(outside)
        for threshold in inside
        if sum(score <= threshold for score in inside) >= 0.95 * len(inside)
    )
    assert rate == pytest.approx(best)


@pytest.mark.parametrize("scores", [[], [[1.0]]])
def test_one_side_is_missing(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one utterance"):
        auroc(np.array(scores), np.array([1.0]))
    with pytest.raises(ValueError, match="at least one utterance"):
        fpr_at_tpr(np.array([1.0]), np.array(scores))


def test_what_a_threshold_does() -> None:
    inside, right, outside = np.array([0.1, 0.2, 0.6, 0.3]), np.array([1, 1, 1, 0]), np.array([0.9, 0.5, 0.55])
    assert rejection_scores(inside, right, outside, threshold=0.5) == pytest.approx(
        {
            "in_scope_accuracy": 2 / 4,
            "false_rejection": 1 / 4,
            "recall": 2 / 3,
            "precision": 2 / 3,
            "auroc": 10 / 12,
            "fpr95": 2 / 3,
        }
    )


def test_figures_that_have_nothing_to_measure_are_absent() -> None:
    none = np.array([])
    assert set(rejection_scores(np.array([0.1]), np.array([True]), none, threshold=1)) == {
        "in_scope_accuracy",
        "false_rejection",
    }
    assert rejection_scores(none, none, np.array([2.0]), threshold=1) == {"recall": 1.0}
    assert rejection_scores(np.array([0.1]), np.array([True]), np.array([0.2]), threshold=1)["precision"] == 0
