"""Spans: strict figures against cases counted by hand, seqeval and sets; what may stand in the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Entity, Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.errors import DataError, NothingToLearnError
from nlu_kit.heads.codec import CodecContext
from nlu_kit.heads.params import SpanParams
from nlu_kit.heads.spans import SpanCodec

Spans = list[Entity]
TEXT = "book a table for two in Paris"


class Found(SpanCodec[SpanParams]):
    """What a plugin adds: here nothing that these tests need."""

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        return {}

    def unlearnable(self, example: Example, encoding: Encoding) -> Sequence[Entity]:
        return ()

    def decode(self, outputs: Mapping[str, np.ndarray], encodings: Sequence[Encoding]) -> list[Mapping[str, Any]]:
        return []


CODEC = Found(SpanParams(), CodecContext(name="ner", labels=LabelSpace(("city", "date"))))


def spans(*triples: tuple[int, int, str]) -> Spans:
    return [Entity(start=start, end=end, label=label) for start, end, label in triples]


def examples_of(gold: Sequence[Spans]) -> list[Example]:
    return [Example(text=TEXT, entities=tuple(one)) for one in gold]


def predictions_of(predicted: Sequence[Spans]) -> list[Mapping[str, Any]]:
    return [{"entities": tuple(CODEC.certain(entity, TEXT) for entity in one)} for one in predicted]


def figures(gold: Sequence[Spans], predicted: Sequence[Spans]) -> dict[str, float]:
    counts = CODEC.counts(examples_of(gold), predictions_of(predicted))
    return {name: one.value for name, one in counts.items()}


CITY = (10, 15, "city")
DATE = (20, 28, "date")


@pytest.mark.parametrize(
    ("gold", "predicted", "precision", "recall"),
    [
        pytest.param([spans(CITY, DATE)], [spans(CITY, DATE)], 1, 1, id="all right"),
        pytest.param([spans(CITY, DATE)], [spans(DATE, CITY)], 1, 1, id="any order"),
        pytest.param([spans(CITY, DATE)], [spans(CITY)], 1, 1 / 2, id="one missing"),
        pytest.param([spans(CITY)], [spans(CITY, DATE)], 1 / 2, 1, id="one made up"),
        pytest.param([spans(CITY)], [spans((10, 15, "name"))], 0, 0, id="wrong label"),
        pytest.param([spans(CITY)], [spans((10, 13, "city"))], 0, 0, id="too short"),
        pytest.param([spans(CITY)], [spans((8, 15, "city"))], 0, 0, id="too long"),
        pytest.param([spans(CITY)], [spans((13, 18, "city"))], 0, 0, id="overlapping"),
        pytest.param([spans((0, 3, "x"), (3, 6, "x"))], [spans((0, 6, "x"))], 0, 0, id="two adjacent taken for one"),
        pytest.param([spans((0, 6, "x"))], [spans((0, 3, "x"), (3, 6, "x"))], 0, 0, id="one taken for two adjacent"),
        pytest.param([spans((0, 3, "x"), (3, 6, "x"))], [spans((0, 3, "x"), (3, 6, "x"))], 1, 1, id="two adjacent"),
        pytest.param([spans((0, 3, "x"), (3, 6, "y"))], [spans((0, 3, "x"), (3, 6, "x"))], 1 / 2, 1 / 2, id="half"),
        pytest.param([spans(CITY)], [[]], 0, 0, id="nothing found"),
        pytest.param([[]], [spans(CITY)], 0, 0, id="nothing to find"),
        pytest.param([[], spans(CITY)], [[], spans(CITY)], 1, 1, id="a text without spans"),
        pytest.param([spans(CITY), spans(DATE)], [spans(DATE), spans(CITY)], 0, 0, id="the wrong texts"),
        pytest.param([spans((0, 2, "a-b"))], [spans((0, 2, "a-b"))], 1, 1, id="label with a dash"),
        pytest.param([spans((0, 2, "a-b"))], [spans((0, 2, "a-c"))], 0, 0, id="labels that differ after a dash"),
        pytest.param([spans((0, 2, "B-x"))], [spans((0, 2, "x"))], 0, 0, id="label that looks like a tag"),
        pytest.param([spans((0, 10, "a"), (0, 4, "b"))], [spans((0, 4, "b"))], 1, 1 / 2, id="one inside another"),
        pytest.param([spans((0, 4, "b"))], [spans((0, 4, "b"), (2, 9, "a"))], 1 / 2, 1, id="overlap made up"),
        pytest.param([spans((0, 4, "a"), (0, 4, "b"))], [spans((0, 4, "a"))], 1, 1 / 2, id="two labels of one span"),
        pytest.param([spans((0, 4, "a"), (0, 4, "a"))], [spans((0, 4, "a"))], 1, 1, id="the same twice counts once"),
        pytest.param([spans((3, 3, "a"), CITY)], [spans(CITY)], 1, 1 / 2, id="an empty span"),
        pytest.param([spans((3, 3, "a"))], [spans((3, 3, "a"))], 1, 1, id="nothing but an empty span"),
    ],
)
def test_hand_counted(gold: list[Spans], predicted: list[Spans], precision: float, recall: float) -> None:
    total = precision + recall
    f1 = 2 * precision * recall / total if total else 0.0
    expected = {"precision": precision, "recall": recall, "f1": f1}
    assert figures(gold, predicted) == pytest.approx(expected if any(gold) else {})


def test_micro_average_over_texts() -> None:
    gold = [spans((0, 1, "x"), (2, 3, "y"), (4, 5, "y")), spans((0, 4, "x"))]
    predicted = [spans((0, 1, "x"), (2, 3, "x")), spans((0, 4, "x"), (6, 8, "y"))]
    # found 2 of 4, and 2 of the 4 found are right
    assert figures(gold, predicted) == pytest.approx({"precision": 0.5, "recall": 0.5, "f1": 0.5})


def test_what_is_not_annotated_counts_nothing() -> None:
    examples = [Example(text=TEXT), Example(text=TEXT, entities=tuple(spans(CITY)))]
    counts = CODEC.counts(examples, predictions_of([spans(DATE), spans(CITY)]))
    assert counts["f1"].denominators.tolist() == [0, 2]
    assert counts["f1"].value == 1
    assert CODEC.counts(examples[:1], predictions_of([spans(DATE)])) == {}


def _disjoint(edges_and_labels: tuple[set[int], list[str]]) -> Spans:
    edges, labels = edges_and_labels
    pairs = list(zip(sorted(edges), sorted(edges)[1:], strict=False))
    return [Entity(start=s, end=e, label=label) for (s, e), label in zip(pairs, labels, strict=False) if label != "-"]


disjoint = st.tuples(st.sets(st.integers(0, 15), max_size=6), st.lists(st.sampled_from("xy-"), max_size=5)).map(
    _disjoint
)


edges = st.integers(0, 8)
any_spans = st.lists(st.builds(Entity, start=edges, end=edges, label=st.sampled_from("xy")), max_size=5)
sides = st.one_of(disjoint, any_spans)


@given(pairs=st.lists(st.tuples(sides, sides), min_size=1, max_size=4))
def test_it_is_the_f1_of_the_span_sets(pairs: list[tuple[Spans, Spans]]) -> None:
    gold = {(row, span.start, span.end, span.label) for row, (spans, _) in enumerate(pairs) for span in spans}
    found = {(row, span.start, span.end, span.label) for row, (_, spans) in enumerate(pairs) for span in spans}
    scores = figures([left for left, _ in pairs], [right for _, right in pairs])
    right = len(gold & found)
    if gold:
        assert scores["precision"] == pytest.approx(right / len(found) if found else 0)
        assert scores["recall"] == pytest.approx(right / len(gold) if gold else 0)
        assert scores["f1"] == pytest.approx(2 * right / (len(gold) + len(found)))
    else:
        assert scores == {}


@pytest.mark.parametrize("value", ["Paris", 3, [{"start": 1, "end": 2, "label": "x"}], {"start": 0}])
def test_what_holds_no_spans_is_refused_with_its_place(value: Any) -> None:
    example = Example(text=TEXT, labels={"places": value}, source="corpus.jsonl:7")
    places = Found(SpanParams(field="places"), CodecContext(name="ner", labels=LabelSpace(())))
    with pytest.raises(DataError, match=r"corpus\.jsonl:7: 'places' must be a list"):
        places.spans(example)


def test_gold_is_right_by_its_own_judgement() -> None:
    example = examples_of([spans(DATE, CITY)])[0]
    gold = CODEC.gold(example)
    assert gold is not None
    assert [entity.label for entity in gold["entities"]] == ["city", "date"]
    assert CODEC.matches(example, gold) is True
    assert CODEC.confidence_pairs(example, gold) == [(1.0, True), (1.0, True)]
    assert CODEC.matches(example, {"entities": gold["entities"][:1]}) is False
    assert CODEC.gold(Example(text=TEXT)) is None
    assert CODEC.matches(Example(text=TEXT), gold) is None
    assert CODEC.confidence_pairs(Example(text=TEXT), gold) == ()


def test_labels_of_train_and_those_that_it_never_had() -> None:
    (example,) = examples_of([spans(CITY, DATE, (0, 4, "verb"))])
    assert CODEC.span_labels([example, example]) == ["city", "date", "verb"]
    assert CODEC.unseen(example) == ["verb"]
    with pytest.raises(NothingToLearnError, match="no training example has an entity in its field 'entities'"):
        CODEC.span_labels(examples_of([[]]))
