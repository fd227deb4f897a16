"""What is kept of each utterance reproduces the figures, for any head whose metric is such a ratio."""

from __future__ import annotations

from typing import Any

import pytest

from nlu_kit.compare.outcomes import LABELS, RIGHT, SPANS, explains, outcomes
from nlu_kit.data.example import Entity, Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.data.prediction import EntityPrediction, LabelPrediction, Prediction
from nlu_kit.inference.predictor import load
from nlu_kit.model.score import score
from nlu_kit.registry import Registry
from nlu_kit.heads.codec import CodecContext


def predicted(text: str, intent: str, *spans: tuple[int, int, str]) -> Prediction:
    entities = tuple(EntityPrediction(start=s, end=e, text=text[s:e], label=x, confidence=0.5) for s, e, x in spans)
    label = LabelPrediction(name=intent, confidence=0.5)
    return Prediction(text=text, truncated=False, fields={"intent": label, "intents": (label,), "entities": entities})


@pytest.fixture(scope="module")
def codecs(trained: Any) -> Any:
    return load(trained.run_dir).codecs


EXAMPLES = [
    Example(text="play jazz", intent="play", entities=(Entity(start=5, end=9, label="genre"),)),
    Example(text="a hotel in rome", intent="book", entities=(Entity(start=11, end=15, label="city"),)),
    Example(text="wake me up", intent="wake", entities=()),
    Example(text="no intent"),
    Example(text="only an intent", intent="play"),
]
PREDICTIONS = [
    predicted("play jazz", "play", (5, 9, "genre")),
    predicted("a hotel in rome", "book", (2, 7, "city"), (11, 15, "genre")),
    predicted("wake me up", "play"),
    predicted("no intent", "play", (0, 2, "city")),
    predicted("only an intent", "play"),
]


def test_right_is_one_zero_or_not_annotated(codecs: Any) -> None:
    found = outcomes(codecs, EXAMPLES, PREDICTIONS)
    assert found["intent"] == {RIGHT: {"numerators": [1, 1, 0, 0, 1], "denominators": [1, 1, 1, 0, 1]}}
    assert found["ner"][RIGHT] == {"numerators": [1, 0, 1, 0, 0], "denominators": [1, 1, 1, 0, 0]}
    assert found["exact_match"] == {RIGHT: {"numerators": [1, 0, 0, 0, 1], "denominators": [1, 1, 1, 0, 1]}}


def test_spans_are_twice_the_found_over_both_sides(codecs: Any) -> None:
    found = outcomes(codecs, EXAMPLES, PREDICTIONS)
    assert found["ner"][SPANS] == {"numerators": [2, 0, 0, 0, 0], "denominators": [2, 3, 0, 0, 0]}


def test_the_ratios_are_the_figures(codecs: Any) -> None:
    found, figures = outcomes(codecs, EXAMPLES, PREDICTIONS), score(codecs, EXAMPLES, PREDICTIONS)
    assert explains(found["intent"][RIGHT], figures["intent.accuracy"])
    assert explains(found["ner"][SPANS], figures["ner.f1"])
    assert explains(found["exact_match"][RIGHT], figures["exact_match"])
    assert not explains(found["ner"][RIGHT], figures["ner.f1"])
    assert not explains(found["intent"][RIGHT], figures["intent.macro_f1"])


def test_labels_are_counted_as_spans_are() -> None:
    spec: Any = Registry.load().get("head", "multilabel_intent").spec
    codecs = {"topics": spec.codec(spec.params(), CodecContext(name="topics", labels=LabelSpace(("a", "b", "c"))))}
    golds: list[tuple[str, ...] | None] = [("a", "b"), ("c",), (), None, ("a",)]
    guesses = [("a",), ("c", "b"), (), ("a",), ("b",)]
    examples = [Example(text="x", intent=gold) for gold in golds]
    predictions = [
        Prediction(
            text="x",
            truncated=False,
            fields={"intents": tuple(LabelPrediction(name=name, confidence=0.5) for name in names)},
        )
        for names in guesses
    ]
    found, figures = outcomes(codecs, examples, predictions)["topics"], score(codecs, examples, predictions)
    assert found[LABELS] == {"numerators": [2, 2, 0, 0, 0], "denominators": [3, 3, 0, 0, 2]}
    assert figures["topics.micro_f1"] == pytest.approx(4 / 8)
    assert explains(found[LABELS], figures["topics.micro_f1"])
    assert SPANS not in found
    unlabelled = [Example(text="x", intent=()) for _ in guesses]
    assert set(outcomes(codecs, unlabelled, predictions)["topics"]) == {RIGHT}
