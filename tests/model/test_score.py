"""Sentence exact match over partly annotated examples, and the one number that selection looks at."""

from __future__ import annotations

from typing import Any

import pytest

from nlu_kit.data.example import Entity, Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.data.prediction import EntityPrediction, LabelPrediction, Prediction
from nlu_kit.errors import ConfigError, DataError
from nlu_kit.heads.codec import Codec, CodecContext
from nlu_kit.model.score import monitored, score
from nlu_kit.registry import Registry

TEXT = "fly to Paris"
CITY = Entity(start=7, end=12, label="city")
LABELS = {"intent": LabelSpace(("book", "play")), "ner": LabelSpace(("O", "B-city", "I-city"))}


def _codec(name: str) -> Codec:
    spec = Registry.load().get("head", name).spec
    codec: Codec = spec.codec(spec.params(), CodecContext(name=name, labels=LABELS[name]))
    return codec


CODECS = {name: _codec(name) for name in LABELS}


def predicted(intent: str, *entities: Entity) -> Prediction:
    found = tuple(
        EntityPrediction(start=e.start, end=e.end, text=TEXT[e.start : e.end], label=e.label, confidence=0.5)
        for e in entities
    )
    fields = {"intent": LabelPrediction(name=intent, confidence=0.5), "entities": found}
    return Prediction(text=TEXT, truncated=False, fields=fields)


def exact(example: dict[str, Any], prediction: Prediction) -> float | None:
    return score(CODECS, [Example(text=TEXT, **example)], [prediction]).get("exact_match")


@pytest.mark.parametrize(
    ("annotation", "prediction", "expected"),
    [
        ({"intent": "book", "entities": (CITY,)}, predicted("book", CITY), 1.0),
        ({"intent": "book", "entities": (CITY,)}, predicted("play", CITY), 0.0),
        ({"intent": "book", "entities": (CITY,)}, predicted("book"), 0.0),
        ({"intent": "book", "entities": ()}, predicted("book", CITY), 0.0),
        ({"intent": "book"}, predicted("book", CITY), 1.0),  # entities are not annotated: they do not count
        ({"entities": (CITY,)}, predicted("play", CITY), 1.0),
        ({"intent": "unseen"}, predicted("book"), 0.0),
        ({}, predicted("book"), None),
    ],
)
def test_exact_match_asks_every_annotated_head(
    annotation: dict[str, Any], prediction: Prediction, expected: float | None
) -> None:
    assert exact(annotation, prediction) == expected


def test_all_figures_by_head() -> None:
    examples = [
        Example(text=TEXT, intent="book", entities=(CITY,)),
        Example(text=TEXT, intent="play"),
        Example(text=TEXT, entities=(CITY,)),
        Example(text=TEXT),
    ]
    predictions = [predicted("book", CITY), predicted("book"), predicted("book"), predicted("play")]
    scores = score(CODECS, examples, predictions)
    assert scores["intent.accuracy"] == 0.5
    assert (scores["ner.precision"], scores["ner.recall"]) == (1.0, 0.5)
    assert scores["exact_match"] == pytest.approx(1 / 3)  # the example without annotation is left out
    assert set(scores) == {
        "intent.accuracy",
        "intent.macro_f1",
        "ner.precision",
        "ner.recall",
        "ner.f1",
        "exact_match",
    }


def test_a_head_without_annotation_is_absent() -> None:
    scores = score(CODECS, [Example(text=TEXT, intent="book")], [predicted("book", CITY)])
    assert set(scores) == {"intent.accuracy", "intent.macro_f1", "exact_match"}
    assert score(CODECS, [], []) == {}


def test_monitored_mean_is_over_the_main_metrics_there_are() -> None:
    scores = {"intent.accuracy": 0.9, "intent.macro_f1": 0.1, "ner.f1": 0.5, "exact_match": 0.2}
    assert monitored(scores, "mean", CODECS) == pytest.approx(0.7)
    del scores["ner.f1"]
    assert monitored(scores, "mean", CODECS) == pytest.approx(0.9)


@pytest.mark.parametrize("monitor", ["intent.macro_f1", "exact_match"])
def test_monitored_names_one_metric(monitor: str) -> None:
    assert monitored({"intent.macro_f1": 0.25, "exact_match": 0.25, "ner.f1": 1.0}, monitor, CODECS) == 0.25


def test_monitored_unknown_metric() -> None:
    with pytest.raises(ConfigError) as caught:
        monitored({"intent.accuracy": 0.9, "exact_match": 0.2}, "intent.acuracy", CODECS)
    (problem,) = caught.value.problems
    assert problem.path == "training.monitor"
    assert "intent.acuracy" in problem.message
    assert "did you mean 'intent.accuracy'?" in problem.hint
    assert "mean, intent.accuracy, exact_match" in problem.hint


def test_monitored_without_any_annotation() -> None:
    with pytest.raises(DataError, match=r"no example of the dev set is annotated.*data\.dev"):
        monitored({}, "mean", CODECS)
