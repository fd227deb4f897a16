"""Spans by label, by boundaries and by type, against cases counted by hand and against the strict F1."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.data.example import Entity
from nlu_kit.metrics.spans import span_report, triple

Spans = list[Entity]


def spans(*triples: tuple[int, int, str]) -> Spans:
    return [Entity(start=start, end=end, label=label) for start, end, label in triples]


CITY, DATE = (10, 15, "city"), (20, 28, "date")


@pytest.mark.parametrize(
    ("gold", "predicted", "boundary", "kind"),
    [
        pytest.param(spans(CITY, DATE), spans(CITY, DATE), 1, 1, id="all right"),
        pytest.param(spans(CITY), spans((10, 15, "name")), 1, 0, id="wrong label"),
        pytest.param(spans(CITY), spans((10, 13, "city")), 0, 1, id="too short"),
        pytest.param(spans(CITY), spans((8, 17, "city")), 0, 1, id="too long"),
        pytest.param(spans(CITY), spans((15, 17, "city")), 0, 0, id="beside it"),
        pytest.param(spans(CITY), spans((13, 17, "name")), 0, 0, id="overlap with another label"),
        pytest.param(spans((0, 6, "x")), spans((0, 3, "x"), (3, 6, "x")), 0, 2 / 3, id="one is found only once"),
        pytest.param(spans((0, 3, "x"), (3, 6, "x")), spans((0, 6, "x")), 0, 2 / 3, id="one finds only one"),
        pytest.param(
            spans((0, 4, "x"), (4, 6, "x")), spans((2, 5, "x"), (0, 1, "x")), 0, 1, id="pairs that must change"
        ),
        pytest.param(spans(CITY), [], 0, 0, id="nothing found"),
        pytest.param(spans((3, 3, "x")), spans((3, 3, "x")), 1, 1, id="an empty span"),
        pytest.param(spans((0, 9, "x"), (2, 4, "y")), spans((2, 4, "y")), 2 / 3, 2 / 3, id="one inside another"),
    ],
)
def test_hand_counted(gold: Spans, predicted: Spans, boundary: float, kind: float) -> None:
    metrics = span_report([gold], [predicted]).metrics
    assert metrics["boundary_f1"] == pytest.approx(boundary)
    assert metrics["type_f1"] == pytest.approx(kind)


def test_rows_by_label_most_frequent_first() -> None:
    gold = [spans(DATE, (0, 1, "city"), (2, 3, "city")), spans((4, 5, "city"))]
    predicted = [spans((0, 1, "city"), (5, 6, "name")), spans((4, 5, "city"), (6, 7, "city"), (8, 9, "city"))]
    report = span_report(gold, predicted)
    rows = [(row.label, row.support, row.predicted, row.precision, row.recall, row.f1) for row in report.labels]
    assert rows == [
        ("city", 3, 4, 2 / 4, pytest.approx(2 / 3), pytest.approx(4 / 7)),
        ("date", 1, 0, 0.0, 0.0, 0.0),
        ("name", 0, 1, 0.0, 0.0, 0.0),
    ]
    assert report.metrics["macro_f1"] == pytest.approx((4 / 7 + 0) / 2)  # over the labels of gold


def test_spans_of_other_texts_do_not_count() -> None:
    metrics = span_report([spans(CITY), []], [[], spans(CITY)]).metrics
    assert set(metrics.values()) == {0.0}


def test_without_any_gold_span_there_are_rows_only() -> None:
    report = span_report([[]], [spans(CITY)])
    assert report.metrics == {}
    assert [(row.label, row.support, row.predicted) for row in report.labels] == [("city", 0, 1)]
    assert span_report([], []).labels == []


edges = st.integers(0, 8)
some = st.lists(st.builds(Entity, start=edges, end=edges, label=st.sampled_from("xy")), max_size=4)


@given(pairs=st.lists(st.tuples(some, some), min_size=1, max_size=3))
def test_lenient_scores_are_no_lower_than_the_strict_one(pairs: list[tuple[Spans, Spans]]) -> None:
    gold, predicted = [g for g, _ in pairs], [p for _, p in pairs]
    metrics = span_report(gold, predicted).metrics
    if not any(gold):
        assert metrics == {}
        return
    ours, theirs = (
        {(row, *triple(span)) for row, spans in enumerate(side) for span in spans} for side in (gold, predicted)
    )
    assert metrics["type_f1"] >= 2 * len(ours & theirs) / (len(ours) + len(theirs)) - 1e-12
    assert all(0 <= value <= 1 for value in metrics.values())


@given(gold=some, predicted=some)
def test_the_most_pairs_are_taken(gold: Spans, predicted: Spans) -> None:
    ours, theirs = ([*dict.fromkeys(side)] for side in (gold, predicted))
    if not ours:
        return
    found = span_report([ours], [theirs]).metrics["type_f1"] * (len(ours) + len(theirs)) / 2
    short, long = sorted((ours, theirs), key=len)
    most = max(sum(map(_meet, short, order)) for order in itertools.permutations(long, len(short)))
    assert found == pytest.approx(most)


def _meet(one: Entity, other: Entity) -> bool:
    return one == other or (one.label == other.label and one.start < other.end and other.start < one.end)
