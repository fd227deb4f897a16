"""A prediction as text for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from nlu_kit.data.prediction import EntityPrediction, LabelPrediction, Prediction

_COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "red")


def render(prediction: Prediction) -> str:
    """The text with its entities marked ``[Paris](city 0.98)``, then a line per label and per further field."""
    lines, marked = [], prediction.text
    for field, value in prediction.fields.items():
        if isinstance(value, LabelPrediction):
            lines.append(f"  {field}: {click.style(value.name, bold=True)} ({value.confidence:.2f})")
        elif _all(value, EntityPrediction):
            if value and marked == prediction.text:
                marked = mark(prediction.text, value)
            found = ", ".join(f"{entity.label}={entity.text!r} ({entity.confidence:.2f})" for entity in value)
            lines.append(f"  {field}: {found or 'none'}")
        elif not _all(value, LabelPrediction):  # the ranking is for --json
            lines.append(f"  {field}: {value}")
    if prediction.truncated:
        lines.append(click.style("  the text is longer than the model reads; its end was ignored", fg="yellow"))
    return "\n".join([marked, *lines])


def mark(text: str, entities: Sequence[EntityPrediction]) -> str:
    """``book a table in [Paris](city)``; each label keeps its colour within the text."""
    colours = {label: _COLOURS[i % len(_COLOURS)] for i, label in enumerate(dict.fromkeys(e.label for e in entities))}
    pieces, position = [], 0
    for entity in sorted(entities, key=lambda entity: entity.start):
        if entity.start < position:  # overlapping spans of other heads are listed below the text
            continue
        pieces += [text[position : entity.start], click.style(f"[{entity.text}]", fg=colours[entity.label], bold=True)]
        pieces.append(click.style(f"({entity.label})", fg=colours[entity.label]))
        position = entity.end
    return "".join([*pieces, text[position:]])


def _all(value: Any, kind: type) -> bool:
    return isinstance(value, tuple) and all(isinstance(item, kind) for item in value)
