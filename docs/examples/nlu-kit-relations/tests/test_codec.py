"""Relations between decoded entities, and how they are counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from nlu_kit.plugin import (
    CodecContext,
    ConfigError,
    Encoding,
    Entity,
    EntityPrediction,
    Example,
    LabelPrediction,
    LabelSpace,
    Prediction,
    Word,
)
from nlu_kit_relations.codec import RelationsCodec
from nlu_kit_relations.params import RelationsParams

TEXT = "play Misty by Ella"
# One token a word, but two for "Ella"; a special token at each end.
WORDS = (Word(1, 2, 0, 4), Word(2, 3, 5, 10), Word(3, 4, 11, 13), Word(4, 6, 14, 18))
ENCODING = Encoding(text=TEXT, ids=(2, 10, 11, 12, 13, 14, 3), words=WORDS, truncated=False)
LABELS = LabelSpace(("none", "by", "near"))
SONG, ARTIST = Entity(start=5, end=10, label="song"), Entity(start=14, end=18, label="artist")
R = 3


def codec(**state: float) -> RelationsCodec:
    context = CodecContext(name="relations", labels=LABELS, reads=("ner",), state=state)
    return RelationsCodec(RelationsParams(), context)


def decoded(*entities: Entity, confidence: float = 0.9) -> Mapping[str, Mapping[str, Any]]:
    """What the head ``ner`` says."""
    found = [
        EntityPrediction(start=e.start, end=e.end, text=TEXT[e.start : e.end], label=e.label, confidence=confidence)
        for e in entities
    ]
    return {"ner": {"entities": tuple(found)}}


def outputs(*scores: tuple[int, int, int, float]) -> dict[str, np.ndarray]:
    """Queries and keys in which (from token, to token, class) has this score and all else has 0.

    Each score takes a direction of its own, of which there are ``R``.
    """
    queries, keys = np.zeros((1, 7, 3, R), np.float32), np.zeros((1, 7, R), np.float32)
    for direction, (head, tail, label, score) in enumerate(scores):
        queries[0, head, label, direction] = score
        keys[0, tail, direction] = 1
    return {"queries": queries, "keys": keys}


def found(arrays: Mapping[str, np.ndarray], other: Mapping[str, Any], **state: float) -> Sequence[Any]:
    (fields,) = codec(**state).decode_reading(arrays, [ENCODING], [other])
    relations: Sequence[Any] = fields["relations"]
    return relations


def example(*relations: tuple[str, Entity, Entity]) -> Example:
    written = [
        {"label": label, "head": {"start": h.start, "end": h.end}, "tail": {"start": t.start, "end": t.end}}
        for label, h, t in relations
    ]
    return Example(text=TEXT, entities=(SONG, ARTIST), labels={"relations": written})


def figures(golds: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {name: counted.value for name, counted in codec().counts(golds, predictions).items()}


def test_a_relation_has_a_direction() -> None:
    (relation,) = found(outputs((2, 4, 1, 40)), decoded(SONG, ARTIST))
    assert (relation.label, relation.head.text, relation.tail.text) == ("by", "Misty", "Ella")
    (relation,) = found(outputs((4, 2, 1, 40)), decoded(SONG, ARTIST))
    assert (relation.label, relation.head.text, relation.tail.text) == ("by", "Ella", "Misty")


def test_only_decoded_entities_are_paired() -> None:
    everything = outputs((2, 4, 1, 40), (1, 3, 2, 40))
    assert len(found(everything, decoded(SONG, ARTIST))) == 1
    assert found(everything, decoded(SONG)) == ()
    assert found(everything, decoded()) == ()


def test_the_entity_is_the_one_decoded_not_the_one_annotated() -> None:
    wrong = Entity(start=5, end=13, label="song")
    (relation,) = found(outputs((2, 4, 1, 40)), decoded(wrong, ARTIST))
    assert relation.head.text == "Misty by"
    prediction = {"relations": (relation,)}
    gold = example(("by", SONG, ARTIST))
    assert codec().matches(gold, prediction) is False
    assert figures([gold], [prediction]) == {"precision": 0, "recall": 0, "f1": 0}
    assert codec().confidence_pairs(gold, prediction) == [(relation.confidence, False)]


def test_confidence_counts_the_entities_too() -> None:
    (sure,) = found(outputs((2, 4, 1, 400)), decoded(SONG, ARTIST, confidence=0.5))
    assert sure.confidence == pytest.approx(0.25)
    (unsure,) = found(outputs((2, 4, 1, 400)), decoded(SONG, ARTIST, confidence=0.5), temperature=20.0)
    assert unsure.confidence < sure.confidence


def test_nested_entities_are_told_apart() -> None:
    """Both start with the same token; it is the end that differs."""
    long = Entity(start=5, end=18, label="quote")
    (relation,) = found(outputs((5, 3, 2, 40)), decoded(SONG, long, Entity(start=11, end=13, label="word")))
    assert relation.head.text == "Misty by Ella"


def test_any_finite_numbers_decode() -> None:
    everything = decoded(SONG, ARTIST, Entity(start=0, end=4, label="verb"), Entity(start=5, end=18, label="quote"))
    generator = np.random.default_rng(0)
    for scale in (0.0, 1.0, 1e19, 3e38):
        arrays = {
            "queries": (scale * generator.uniform(-1, 1, (1, 7, 3, R))).astype(np.float32),
            "keys": (scale * generator.uniform(-1, 1, (1, 7, R))).astype(np.float32),
        }
        for relation in found(arrays, everything):
            assert 0 <= relation.confidence <= 1
            assert relation.head != relation.tail


def test_entities_that_truncation_cut_off_are_passed_over() -> None:
    short = Encoding(text=TEXT, ids=(2, 10, 11, 3), words=WORDS[:2], truncated=True)
    assert codec().decode_reading(outputs((2, 4, 1, 40)), [short], [decoded(SONG, ARTIST)]) == [{"relations": ()}]
    gold = example(("by", SONG, ARTIST))
    assert codec().targets(gold, short)["pairs"].shape == (0, 4)
    assert [(cut.start, cut.end, cut.label) for cut in codec().unlearnable(gold, short)] == [(5, 18, "by")]
    assert codec().unlearnable(gold, ENCODING) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"entity": ()}, "gives no entities in a field 'entities'\n.*did you mean 'entity'"),
        ({"entities": LabelPrediction(name="x", confidence=1.0)}, "gives no entities in a field 'entities'"),
        ({"entities": (LabelPrediction(name="x", confidence=1.0),)}, "gives no entities in a field 'entities'"),
    ],
)
def test_a_head_that_gives_no_entities_is_a_mistake_in_the_pipeline(fields: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"heads\.relations\.spans: the head 'ner' {said}"):
        found(outputs(), {"ner": fields})


def test_targets_are_all_ordered_pairs_of_annotated_entities() -> None:
    targets = codec().targets(example(("by", SONG, ARTIST)), ENCODING)
    assert targets["pairs"].tolist() == [[2, 2, 4, 5], [4, 5, 2, 2]]
    assert targets["labels"].tolist() == [1, 0]
    assert codec().targets(example(("never seen", SONG, ARTIST)), ENCODING)["labels"].tolist() == [-100, 0]
    assert codec().unseen(example(("never seen", SONG, ARTIST))) == ["never seen"]


def test_entities_without_the_field_train_nothing() -> None:
    plain = Example(text=TEXT, entities=(SONG, ARTIST))
    assert codec().targets(plain, ENCODING)["labels"].shape == (0,)
    assert figures([plain], [{"relations": ()}]) == {}


def test_figures_are_strict_and_by_label() -> None:
    golds = [example(("by", SONG, ARTIST)), example(("near", ARTIST, SONG), ("by", SONG, ARTIST)), example()]
    right = [codec().gold(gold) or {} for gold in golds]
    swapped = codec().gold(example(("near", SONG, ARTIST))) or {}
    predicted = [right[0], swapped, right[2]]
    assert figures(golds, predicted) == pytest.approx({"precision": 1 / 2, "recall": 1 / 3, "f1": 2 / 5})
    report = codec().report(golds, predicted)
    assert {row.label: (row.support, row.predicted, row.recall) for row in report.labels} == {
        "by": (2, 1, 0.5),
        "near": (1, 1, 0.0),
    }
    assert report.metrics["unlabelled_f1"] == pytest.approx(4 / 5)


def test_calibration_looks_at_the_relations_that_are_claimed() -> None:
    target = codec().targets(example(("by", SONG, ARTIST)), ENCODING)
    claims = [{name: array[0] for name, array in outputs((2, 4, 1, 60)).items()}] * 40
    denied = [target if row % 2 else {**target, "labels": np.array([0, 0])} for row in range(40)]
    assert codec().calibrate(claims, denied)["temperature"] > 2
    assert codec().calibrate(claims, [target] * 40)["temperature"] < codec().calibrate(claims, denied)["temperature"]
    assert codec().calibrate([], []) == {"temperature": 1.0}


def test_json_and_equality() -> None:
    relations = found(outputs((2, 4, 1, 400)), decoded(SONG, ARTIST))
    record = Prediction(text=TEXT, truncated=False, fields={"relations": relations}).to_json()
    (relation,) = record["relations"]
    assert relation == {
        "label": "by",
        "head": {"start": 5, "end": 10, "text": "Misty", "label": "song"},
        "tail": {"start": 14, "end": 18, "text": "Ella", "label": "artist"},
        "confidence": pytest.approx(0.81),
    }
    assert {"relations": relations} == codec().gold(example(("by", SONG, ARTIST)))
