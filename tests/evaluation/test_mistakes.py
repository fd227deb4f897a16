"""What is wrong, told from the form of annotation and prediction."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.data.prediction import EntityPrediction, LabelPrediction
from nlu_kit.evaluation.mistakes import mistakes, span_mistakes


def spans(*places: tuple[int, int, str]) -> tuple[EntityPrediction, ...]:
    return tuple(EntityPrediction(start=s, end=e, text="x", label=label, confidence=0.5) for s, e, label in places)


def label(name: str) -> LabelPrediction:
    return LabelPrediction(name=name, confidence=0.5)


@pytest.mark.parametrize(
    ("gold", "predicted", "found"),
    [
        ([(0, 4, "city")], [(0, 4, "city")], []),
        ([(0, 4, "city")], [], [("missed", ("city",))]),
        ([], [(0, 4, "city")], [("spurious", ("city",))]),
        ([(0, 4, "city")], [(0, 4, "time")], [("type", ("city", "time"))]),
        ([(0, 8, "city")], [(0, 3, "city")], [("boundary", ("city",))]),
        ([(0, 8, "city")], [(0, 3, "time")], [("boundary and type", ("city", "time"))]),
        ([(0, 8, "city")], [(8, 9, "city")], [("missed", ("city",)), ("spurious", ("city",))]),
        ([(0, 8, "city")], [(0, 3, "city"), (4, 8, "city")], [("boundary", ("city",)), ("spurious", ("city",))]),
    ],
)
def test_spans(gold: Any, predicted: Any, found: Any) -> None:
    assert span_mistakes(spans(*gold), spans(*predicted)) == found


PLACES = st.lists(
    st.tuples(st.integers(0, 6), st.integers(1, 4), st.sampled_from("ab")).map(lambda t: (t[0], t[0] + t[1], t[2])),
    max_size=5,
)


@given(gold=PLACES, predicted=PLACES)
def test_every_span_that_one_side_alone_has_is_told_once(gold: Any, predicted: Any) -> None:
    found = [kind for kind, _ in span_mistakes(spans(*gold), spans(*predicted))]
    pairs = len(found) - found.count("missed") - found.count("spurious")
    assert pairs + found.count("missed") == len(set(gold) - set(predicted))
    assert pairs + found.count("spurious") == len(set(predicted) - set(gold))


def test_labels() -> None:
    assert mistakes({"intent": label("a")}, {"intent": label("b"), "more": 1}) == [("wrong", ("a", "b"))]
    assert mistakes({"intent": label("a")}, {"intent": label("a")}) == []
    several = mistakes({"topics": (label("a"), label("b"))}, {"topics": (label("b"), label("c"))})
    assert several == [("missed", ("a",)), ("spurious", ("c",))]


def test_what_is_neither_is_left_to_the_codec() -> None:
    assert mistakes({"score": 0.3}, {"score": 0.5}) == []
    assert mistakes({"entities": spans((0, 1, "a"))}, {}) == []
