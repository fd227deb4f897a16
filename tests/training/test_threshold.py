"""The threshold, against trying every one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.model.confidence import Scored
from nlu_kit.plugin.contracts import DetectorParams
from nlu_kit.training.threshold import between, too_few, tune

SCORES = st.lists(st.integers(-6, 6).map(float), min_size=1, max_size=25)


def scored(inside: Any, outside: Any = (), right: Any = None) -> Scored:
    inside = np.array(inside, dtype=np.float64)
    right = np.ones(len(inside), dtype=bool) if right is None else np.array(right, dtype=bool)
    return Scored(inside=inside, right=right, outside=np.array(outside, dtype=np.float64))


def quality(case: Scored, threshold: float, share: float) -> float:
    accepted = (case.right & (case.inside <= threshold)).mean()
    return float((1 - share) * accepted + share * (case.outside > threshold).mean())


@given(SCORES, SCORES, st.data(), st.sampled_from([0.1, 0.5, 0.9]), st.sampled_from([0.0, 0.2, 0.99]))
def test_no_threshold_that_is_allowed_decides_better(
    inside: list[float], outside: list[float], data: Any, share: float, rate: float
) -> None:
    right = data.draw(st.lists(st.booleans(), min_size=len(inside), max_size=len(inside)))
    case = scored(inside, outside, right)
    found, _ = tune(DetectorParams(false_rejection=rate), case, share=share)
    allowed = int(rate * len(inside))
    assert (case.inside > found).sum() <= allowed
    places = [place for place in np.arange(-5.5, 7) if (case.inside > place).sum() <= allowed]
    best = max(quality(case, place, share) for place in places if place > min([*inside, *outside]))
    assert quality(case, found, share) == pytest.approx(best)
    every = np.concatenate([case.inside, case.outside])
    equal = [place for place in places if quality(case, place, share) > best - 1e-9]
    assert (every > found).sum() == min((every > place).sum() for place in equal), "of the best it rejects least"


def test_it_lies_half_way_between_the_scores() -> None:
    threshold, how = tune(DetectorParams(), scored([0.1, 0.2, 0.3], [0.9]), share=0.25)
    assert threshold == pytest.approx(0.6)
    assert how == (
        "the most right decisions over 3 examples in scope and 1 out of scope, which count as 25.0% of all; of the "
        "former at most 0 may be rejected"
    )


def test_the_expected_share_moves_it() -> None:
    case = scored([0.1, 0.2, 0.3, 0.5, 0.7], [0.4, 0.6, 0.8])
    strict, _ = tune(DetectorParams(out_of_scope_share=0.8, false_rejection=0.5), case, share=0.2)
    lenient, _ = tune(DetectorParams(out_of_scope_share=0.05, false_rejection=0.5), case, share=0.2)
    assert (strict, lenient) == (pytest.approx(0.35), pytest.approx(0.75))


@given(SCORES, st.floats(0, 0.9))
def test_never_more_than_the_allowed_are_rejected_and_no_fewer_than_possible(inside: list[float], rate: float) -> None:
    case = scored(inside)
    threshold, _ = tune(DetectorParams(false_rejection=rate), case, share=0.0)
    allowed = int(rate * len(inside))
    rejected = (case.inside > threshold).sum()
    assert rejected <= allowed
    lower = sorted({score for score in inside if score < threshold})
    if len(lower) > 1:  # one score lower, and too many would be
        assert (case.inside > lower[-2]).sum() > allowed


def test_rejecting_nobody_leaves_room_for_rounding() -> None:
    threshold, how = tune(DetectorParams(), scored([0.25, 0.5]), share=0.0)
    assert 0.5 < threshold < 0.51
    assert how == "rejects at most 0 of 2 dev examples in scope"


@pytest.mark.parametrize(
    ("options", "inside", "outside", "few"),
    [
        ({}, 49, 0, True),
        ({}, 50, 0, False),
        ({"false_rejection": 0.25}, 3, 0, True),
        ({"false_rejection": 0.25}, 4, 0, False),
        ({"false_rejection": 0.0}, 3, 0, False),
        ({"threshold": 1.0}, 3, 0, False),
        ({}, 3, 2, False),
        ({"criterion": "false_rejection"}, 3, 2, True),
        ({}, 0, 0, True),
        ({}, 0, 2, True),
        ({"threshold": 1.0}, 0, 0, False),
    ],
)
def test_too_few_show_no_share(options: Any, inside: int, outside: int, few: bool) -> None:
    assert too_few(DetectorParams(**options), scored(range(inside), range(outside))) == few


@pytest.mark.parametrize(
    ("inside", "threshold", "and_dev"),
    [([], 10.0, ""), ([1, 2], 10.0, "; rejects at most 0 of 2 dev examples in scope"), ([1, 20], None, "; rejects at")],
    ids=["no dev", "dev below", "dev above"],
)
def test_where_dev_is_small_the_threshold_is_no_lower_than_train_says(
    inside: list[int], threshold: float | None, and_dev: str
) -> None:
    result, how = tune(DetectorParams(), scored(inside), share=0.0, least=10.0)
    assert result == threshold if threshold is not None else result > 20
    assert how.startswith("between what train's examples score with their label learnt and without it" + and_dev)


@given(
    known=st.lists(st.floats(0, 10), min_size=1, max_size=9),
    unknown=st.lists(st.floats(20, 30), min_size=1, max_size=9),
)
def test_it_lies_between_what_is_known_and_what_is_not(known: list[float], unknown: list[float]) -> None:
    assert np.median(known) < between(np.array(known), np.array(unknown)) < np.median(unknown)


def test_a_given_one_is_taken() -> None:
    assert tune(DetectorParams(threshold=0.7), scored([]), share=0.0) == (0.7, "set by the pipeline")


def test_false_rejection_where_there_are_examples_all_the_same() -> None:
    params = DetectorParams(criterion="false_rejection", false_rejection=0.5)
    threshold, how = tune(params, scored([1, 2, 3, 4], [0, 0, 0]), share=0.5)
    assert (threshold, how) == (2.5, "rejects at most 2 of 4 dev examples in scope")
