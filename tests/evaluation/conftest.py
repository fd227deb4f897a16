"""Predictions made by hand, judged by the real codecs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Entity, Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.data.prediction import EntityPrediction, LabelPrediction, Prediction
from nlu_kit.evaluation.predictions import Predictions, PredictionSet
from nlu_kit.heads.codec import CodecContext
from nlu_kit.registry import Registry

INTENTS = ("book", "play", "wake")
TAGS = ("O", "B-city", "I-city", "B-time", "I-time")

MakePart = Callable[..., PredictionSet]


def _example(text: str, intent: str | None, spans: Any, number: int, out: bool) -> Example:
    entities = None if spans is None else tuple(Entity(start=s, end=e, label=label) for s, e, label in spans)
    return Example(text=text, intent=intent, entities=entities, source=f"t.jsonl:{number}", out_of_scope=out)


def _prediction(text: str, intent: str, confidence: float, spans: Any, scope: float | None) -> Prediction:
    label = LabelPrediction(name=intent, confidence=confidence)
    entities = tuple(
        EntityPrediction(start=s, end=e, text=text[s:e], label=name, confidence=confidence) for s, e, name in spans
    )
    fields: dict[str, Any] = {"intent": label, "intents": (label,), "entities": entities}
    if scope is not None:
        fields |= {"out_of_scope": scope > 0.5, "out_of_scope_score": scope}
    return Prediction(text=text, truncated=False, fields=fields)


@pytest.fixture(scope="session")
def codecs() -> dict[str, Any]:
    registry = Registry.load()
    found = {}
    for name, labels in (("intent", INTENTS), ("ner", TAGS)):
        spec: Any = registry.get("head", name).spec
        found[name] = spec.codec(spec.params(), CodecContext(name=name, labels=LabelSpace(labels)))
    return found


@pytest.fixture(scope="session")
def make_part(codecs: dict[str, Any]) -> MakePart:
    """``make_part([(text, gold intent, gold spans, intent, confidence, spans), …])``; ``scores`` are the detector's,
    and an utterance whose gold intent is ``"oos"`` is out of scope."""

    def make(rows: Sequence[tuple[Any, ...]], scores: Sequence[float] | None = None) -> PredictionSet:
        examples, predictions = [], []
        for number, (text, gold, gold_spans, intent, confidence, spans) in enumerate(rows, start=1):
            out = gold == "oos"
            examples.append(_example(text, None if out else gold, gold_spans, number, out))
            score = None if scores is None else scores[number - 1]
            predictions.append(_prediction(text, intent, confidence, spans, score))
        encodings = [Encoding(text=example.text, ids=(0, 1), words=(), truncated=False) for example in examples]
        return PredictionSet(codecs, examples, encodings, predictions, None if scores is None else "intent")

    return make


ROWS = [
    ("a table in Paris", "book", [(11, 16, "city")], "book", 0.9, [(11, 16, "city")]),
    ("wake me at seven", "wake", [(11, 16, "time")], "play", 0.95, [(11, 16, "city")]),
    ("play jazz", "play", [], "play", 0.6, []),
    ("a table in New York", "book", [(11, 19, "city")], "book", 0.7, [(11, 14, "city")]),
    ("from Rome to Oslo", "book", [(5, 9, "city"), (13, 17, "city")], "book", 0.8, [(5, 9, "city")]),
    ("something else", None, None, "wake", 0.3, [(0, 9, "time")]),
    ("snooze", "snooze", [], "wake", 0.4, []),
]


@pytest.fixture
def part(make_part: MakePart) -> PredictionSet:
    """Seven utterances, four of them not entirely right; one has no annotation, one a label that training never had."""
    return make_part(ROWS)


@pytest.fixture
def answers(part: PredictionSet) -> Predictions:
    return Predictions([part])
