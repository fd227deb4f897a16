"""Patience counts epochs in a row without a better score."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.errors import TrainingError
from nlu_kit.training.early_stopping import EarlyStopping


def run(scores: list[float], patience: int) -> EarlyStopping:
    """Feed scores until it stops."""
    stopping = EarlyStopping(patience)
    for epoch, score in enumerate(scores):
        stopping.update(score, epoch)
        if stopping.stop:
            break
    return stopping


def test_it_stops_after_patience_epochs_without_a_better_score() -> None:
    stopping = run([0.1, 0.5, 0.4, 0.5, 0.3, 0.9], patience=3)  # an equal score is no better one
    assert stopping.stop
    assert (stopping.best_score, stopping.best_epoch, stopping.waited) == (0.5, 1, 3)


def test_a_better_score_starts_the_count_again() -> None:
    stopping = run([0.5, 0.4, 0.4, 0.6, 0.5, 0.5], patience=3)
    assert not stopping.stop
    assert (stopping.best_epoch, stopping.waited) == (3, 2)


def test_update_says_whether_the_score_is_the_best() -> None:
    stopping = EarlyStopping(2)
    assert [stopping.update(score, epoch) for epoch, score in enumerate([0.0, 0.0, 0.2])] == [True, False, True]


def test_nothing_has_stopped_before_the_first_epoch() -> None:
    assert not EarlyStopping(1).stop


def test_a_score_that_is_not_a_number_is_an_error() -> None:
    stopping = EarlyStopping(2)
    assert stopping.update(0.1, 0)
    with pytest.raises(TrainingError, match="the dev score of epoch 2 is not a number"):
        stopping.update(float("nan"), 1)
    assert stopping.best_epoch == 0


@given(scores=st.lists(st.floats(0, 1), min_size=1, max_size=30), patience=st.integers(1, 6))
def test_best_is_the_first_maximum_of_what_it_saw(scores: list[float], patience: int) -> None:
    stopping = run(scores, patience)
    seen = scores[: stopping.best_epoch + stopping.waited + 1]
    assert stopping.best_score == max(seen)
    assert stopping.best_epoch == seen.index(max(seen))
    assert stopping.waited <= patience
    assert stopping.stop or len(seen) == len(scores)
