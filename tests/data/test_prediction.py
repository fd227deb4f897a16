"""A prediction becomes JSON whatever the heads' plugins put into it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from nlu_kit.data.prediction import EntityPrediction, LabelPrediction, Prediction


@dataclass(frozen=True, slots=True)
class Sentiment:
    score: Any
    parts: Any


def to_json(**fields: Any) -> dict[str, Any]:
    record = Prediction(text="hi", truncated=False, fields=fields).to_json()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    return record


def test_the_bundled_fields() -> None:
    intent = LabelPrediction(name="greet", confidence=0.5)
    entity = EntityPrediction(start=0, end=2, text="hi", label="word", confidence=1.0)
    assert to_json(intent=intent, intents=(intent,), entities=[entity]) == {
        "text": "hi",
        "intent": {"name": "greet", "confidence": 0.5},
        "intents": [{"name": "greet", "confidence": 0.5}],
        "entities": [{"start": 0, "end": 2, "text": "hi", "label": "word", "confidence": 1.0}],
        "truncated": False,
    }


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([[1, 2]], dtype=np.int8), [[1, 2]]),
        ({"a": np.float32(0.25), "b": {"c": (np.int64(1), None)}}, {"a": 0.25, "b": {"c": [1, None]}}),
        (MappingProxyType({"a": LabelPrediction(name="x", confidence=1.0)}), {"a": {"name": "x", "confidence": 1.0}}),
        (Sentiment(np.float32(0.5), [Sentiment(1, {"d": np.int32(2)})]),
         {"score": 0.5, "parts": [{"score": 1, "parts": {"d": 2}}]}),
        (None, None),
        ("text", "text"),
    ],
)  # fmt: skip
def test_what_else_a_plugin_may_decode_to(value: Any, plain: Any) -> None:
    assert to_json(field=value)["field"] == plain


def test_the_usual_fields_are_attributes_and_all_are_items() -> None:
    intent = LabelPrediction(name="greet", confidence=0.5)
    prediction = Prediction(
        text="hi", truncated=False, fields={"intent": intent, "out_of_scope": False, "mood": "fine"}
    )
    assert prediction.intent is prediction["intent"] is intent
    assert prediction.out_of_scope is False
    assert prediction["mood"] == "fine"
    assert "mood" in prediction
    assert "modo" not in prediction
    with pytest.raises(KeyError, match="no field 'modo' in this prediction; this model predicts: intent, out_of_scope"):
        _ = prediction["modo"]


def test_what_no_head_fills_is_none_or_empty() -> None:
    prediction = Prediction(text="hi", truncated=False, fields={})
    assert (prediction.intent, prediction.intents, prediction.entities) == (None, (), ())
    assert prediction.out_of_scope is None
