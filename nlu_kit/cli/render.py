"""A prediction as text for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nlu_kit.cli.output import style
from nlu_kit.data.prediction import (
    OUT_OF_SCOPE,
    OUT_OF_SCOPE_SCORE,
    EntityPrediction,
    LabelPrediction,
    Prediction,
)
from nlu_kit.data.printable import symbols

_COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "red")


def render(prediction: Prediction) -> str:
    """The text with its entities marked ``[Paris](city 0.98)``, then a line per label and per further field, and
    whether it is out of scope."""
    lines, marked = [], symbols(prediction.text)
    fields = dict(prediction.fields)
    scope = {key: fields.pop(key) for key in (OUT_OF_SCOPE, OUT_OF_SCOPE_SCORE) if key in fields}
    for field, value in fields.items():
        if isinstance(value, LabelPrediction):
            lines.append(f"  {field}: {style(symbols(value.name), bold=True)} ({value.confidence:.2f})")
        elif _all(value, EntityPrediction):
            if value and marked == symbols(prediction.text):
                marked = mark(prediction.text, value)
            found = ", ".join(f"{symbols(entity.label)}={entity.text!r} ({entity.confidence:.2f})" for entity in value)
            lines.append(f"  {field}: {found or 'none'}")
        elif not _all(value, LabelPrediction):
            said = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            lines.append(f"  {field}: {symbols(said)}")
        elif field.removesuffix("s") not in prediction.fields:  # a ranking, beside the best label, is for --json
            found = ", ".join(f"{style(symbols(label.name), bold=True)} ({label.confidence:.2f})" for label in value)
            lines.append(f"  {field}: {found or 'none'}")
    if scope:
        verdict = style("yes", fg="yellow", bold=True) if scope[OUT_OF_SCOPE] else "no"
        lines.append(f"  out of scope: {verdict} (score {scope[OUT_OF_SCOPE_SCORE]:.3g})")
    if prediction.truncated:
        lines.append(style("  the text is longer than the model reads; its end was ignored", fg="yellow"))
    return "\n".join([marked, *lines])


def mark(text: str, entities: Sequence[EntityPrediction]) -> str:
    """``book a table in [Paris](city)``; each label keeps its colour within the text."""
    colours = {label: _COLOURS[i % len(_COLOURS)] for i, label in enumerate(dict.fromkeys(e.label for e in entities))}
    pieces, position = [], 0
    for entity in sorted(entities, key=lambda entity: entity.start):
        if entity.start < position:  # overlapping spans are listed below the text only
            continue
        colour = colours[entity.label]
        pieces.append(symbols(text[position : entity.start]))
        pieces.append(style(symbols(f"[{entity.text}]"), fg=colour, bold=True))
        pieces.append(style(symbols(f"({entity.label})"), fg=colour))
        position = entity.end
    return "".join([*pieces, symbols(text[position:])])


def _all(value: Any, kind: type) -> bool:
    return isinstance(value, tuple) and all(isinstance(item, kind) for item in value)
