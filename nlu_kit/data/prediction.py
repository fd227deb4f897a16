"""What leaves every runtime: one result type, made of plain dataclasses. No torch, no numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

OUT_OF_SCOPE, OUT_OF_SCOPE_SCORE = "out_of_scope", "out_of_scope_score"
"""The fields that a detector fills: a bool; and a float, higher = further out, comparable within one model only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPrediction:
    """A class and its probability in [0, 1]."""

    name: str
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityPrediction:
    """A span ``[start, end)`` of characters of the raw text; ``text`` is that slice."""

    start: int
    end: int
    text: str
    label: str
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """All heads' results for one text. ``fields`` maps each output field (``intent``, ``entities``, …) to its value;
    a field is also an attribute: ``prediction.intent.name``. ``truncated``: the text was longer than the encoder reads.
    """

    text: str
    truncated: bool
    fields: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "fields":  # while unpickling or copying, before `fields` is set
            raise AttributeError(name)
        if name in self.fields:
            return self.fields[name]
        raise AttributeError(f"no field '{name}' in this prediction; this model predicts: {', '.join(self.fields)}")

    def to_json(self) -> dict[str, Any]:
        """The record that `nlu-kit predict --json` prints."""
        return {"text": self.text, **{k: plain(v) for k, v in self.fields.items()}, "truncated": self.truncated}


def plain(value: Any) -> Any:
    """``value`` in what JSON has, whatever a plugin's head decoded to: dataclasses, mappings, numpy's numbers."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # a scalar or an array of numpy, which this module must not import
        return plain(value.tolist())
    return value
