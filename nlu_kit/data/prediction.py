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
    """All heads' results for one text. ``fields`` maps each output field to its value.

    The usual fields are typed attributes, None or empty where no head fills them; every field is also reached by its
    name, as in ``prediction["stars"]``. ``truncated``: the text was longer than the encoder reads.
    """

    text: str
    truncated: bool
    fields: Mapping[str, Any]

    @property
    def intent(self) -> LabelPrediction | None:
        """The most probable intent."""
        found: LabelPrediction | None = self.fields.get("intent")
        return found

    @property
    def intents(self) -> tuple[LabelPrediction, ...]:
        """The intents by confidence: the ranking of a head for one intent, or all that a head for several found."""
        found: tuple[LabelPrediction, ...] = self.fields.get("intents", ())
        return found

    @property
    def entities(self) -> tuple[EntityPrediction, ...]:
        """The entities in text order."""
        found: tuple[EntityPrediction, ...] = self.fields.get("entities", ())
        return found

    @property
    def out_of_scope(self) -> bool | None:
        """Whether the text is none of the intents; None where the model has no detector."""
        found: bool | None = self.fields.get(OUT_OF_SCOPE)
        return found

    def __getitem__(self, field: str) -> Any:
        """The field of this name. Raises KeyError where no head fills it."""
        if field not in self.fields:
            raise KeyError(f"no field '{field}' in this prediction; this model predicts: {', '.join(self.fields)}")
        return self.fields[field]

    def __contains__(self, field: object) -> bool:
        return field in self.fields

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
