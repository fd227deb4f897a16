"""Patience counts epochs in a row without a better score."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.errors import TrainingError
from nlu_kit.training.early_stopping import EarlyStopping
from nlu_kit.training.resume import Position


def run(scores: list[float], patience: int) -> EarlyStopping:
    """Feed scores until it stops."""
    stopping = EarlyStopping(patience)
    for epoch, score in enumerate(scores):
        stopping.update(score, epoch)
        if stopping.stop:
            break
    return stopping


def test_it_stops_after_patience_epochs_without_a_better_score() -> None:
    stopping = run([0.1, 0.5, 0.4, 0.3, 0.3, 0.9], patience=3)
    assert stopping.stop
    assert (stopping.best_score, stopping.best_epoch, stopping.waited) == (0.5, 1, 3)


@pytest.mark.parametrize(
    ("losses", "best"),
    [([1.0, 0.5, 0.7], 1), ([1.0, 0.5, 0.5], 2), ([None, None, None], 0), ([0.1, float("nan"), 0.2], 0)],
    ids=["the lower loss", "the later of equal ones", "without losses", "no number"],
)
def test_of_equal_scores_the_lower_loss_is_better_and_then_the_later_epoch(
    losses: list[float | None], best: int
) -> None:
    stopping = EarlyStopping(2)
    for epoch, loss in enumerate(losses):
        stopping.update(0.5, epoch, loss=loss)
    assert stopping.best_epoch == best
    assert stopping.waited == 2  # it is no progress


@pytest.mark.parametrize(
    ("intent", "ner", "stops"),
    [
        ([1.0, 0.5, 0.2, 0.05], [2.0, 2.0, 1.5, 1.2], False),
        ([1.0, 0.5, 0.2, 0.05], [2.0, 1.0, 0.5, 0.1], True),
        ([1.0, 0.9, 0.9, 0.9], [2.0, 1.9, 1.9, 1.9], True),
    ],
    ids=["one head still learns", "all is learnt", "nothing more is learnt"],
)
def test_it_does_not_stop_before_train_is_learnt(intent: list[float], ner: list[float], stops: bool) -> None:
    stopping = EarlyStopping(2)
    for epoch, losses in enumerate(zip(intent, ner, strict=True)):
        stopping.learn(dict(zip(("intent", "ner"), losses, strict=True)))
        stopping.update(0.0, epoch)
    assert stopping.waited >= 2
    assert stopping.stop == stops


def test_what_it_knows_survives_a_checkpoint() -> None:
    stopping, again, at = EarlyStopping(2), EarlyStopping(2), Position()
    for epoch in range(3):
        stopping.learn({"intent": 1.0 / (epoch + 1)})
        stopping.update(0.1 * epoch, epoch, loss=1.0 - epoch)
    stopping.note(at)
    again.take(at)
    assert again == stopping


def test_a_better_score_starts_the_count_again() -> None:
    stopping = run([0.5, 0.4, 0.4, 0.6, 0.5, 0.5], patience=3)
    assert not stopping.stop
    assert (stopping.best_epoch, stopping.waited) == (3, 2)


def test_update_says_whether_the_score_is_the_best() -> None:
    stopping = EarlyStopping(2)
    assert [stopping.update(score, epoch) for epoch, score in enumerate([0.1, 0.0, 0.2])] == [True, False, True]


def test_nothing_has_stopped_before_the_first_epoch() -> None:
    assert not EarlyStopping(1).stop


def test_a_score_that_is_not_a_number_is_an_error() -> None:
    stopping = EarlyStopping(2)
    assert stopping.update(0.1, 0)
    with pytest.raises(TrainingError, match="the dev score of epoch 2 is not a number"):
        stopping.update(float("nan"), 1)
    assert stopping.best_epoch == 0


@given(scores=st.lists(st.floats(0, 1), min_size=1, max_size=30), patience=st.integers(1, 6))
def test_best_is_a_maximum_of_what_it_saw(scores: list[float], patience: int) -> None:
    stopping = run(scores, patience)
    assert stopping.waited <= patience
    assert scores[stopping.best_epoch] == stopping.best_score == max(scores[: stopping.best_epoch + 1])
    assert stopping.stop or stopping.best_score == max(scores)
