"""Utterances for a page: annotation and predictions in the text, and what to choose among them by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from nlu_kit.report.highlight import Marked, highlight

CARDS = 500
"""How many of a kind a page shows."""
_SPAN = {"start", "end", "label"}


@dataclass(frozen=True, slots=True)
class Other:
    """What another side says in place of the annotation."""

    side: str
    value: str
    confidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A field of one side, in the text (``marked``), or of all sides as values."""

    name: str
    marked: Markup | None = None
    annotated: str = ""
    others: Sequence[Other] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """``plain`` is the text where no line shows it; ``tags`` are what a page's controls choose it by."""

    plain: Markup | None
    lines: Sequence[Line]
    facts: str
    tags: str | None = None


def card(
    content: str, sides: Mapping[str, Mapping[str, Any]], *, facts: Sequence[str], tags: str | None = None
) -> Card:
    """The first side is the annotation; each further one is shown where it differs from that."""
    gold = next(iter(sides.values()))
    lines: list[Line] = []
    for field in gold:
        values = {side: fields.get(field) for side, fields in sides.items()}
        if any(map(are_spans, values.values())):
            lines += _span_lines(content, field, values, several=_span_fields(sides) > 1)
        else:
            lines.append(_value_line(field, values))
    plain = None if any(line.marked is not None for line in lines) else highlight(content, ())
    return Card(plain=plain, lines=lines, facts=" · ".join(fact for fact in facts if fact), tags=tags)


def are_spans(value: Any) -> bool:
    """A list of objects with offsets, and not empty."""
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) and v.keys() >= _SPAN for v in value)


def _span_fields(sides: Mapping[str, Mapping[str, Any]]) -> int:
    return len({field for fields in sides.values() for field, value in fields.items() if are_spans(value)})


def _span_lines(content: str, field: str, values: Mapping[str, Any], *, several: bool) -> list[Line]:
    """One for the annotation, and one for each side that differs. What only one of the two has is marked as wrong."""
    keys = {side: {_key(span) for span in value or ()} for side, value in values.items()}
    gold, *others = keys
    common = set.intersection(*(keys[other] for other in others)) if others else keys[gold]
    lines = []
    for side, value in values.items():
        if side != gold and keys[side] == keys[gold]:
            continue
        against = common if side == gold else keys[gold]
        marks = [Marked(*_key(span), wrong=_key(span) not in against) for span in value or ()]
        lines.append(Line(name=f"{side} {field}" if several else side, marked=highlight(content, marks)))
    return lines


def _key(span: Mapping[str, Any]) -> tuple[int, int, str]:
    return span["start"], span["end"], span["label"]


def _value_line(field: str, values: Mapping[str, Any]) -> Line:
    gold, *others = values
    annotated = _named(values[gold])
    differing = [side for side in others if _named(values[side]) != annotated]
    return Line(
        name=field,
        annotated=annotated,
        others=[Other(side, _named(values[side]), _confidence(values[side])) for side in differing],
    )


def _named(value: Any) -> str:
    if isinstance(value, dict) and "name" in value:
        return str(value["name"])
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_named(item) for item in value) or "none"
    return "none" if value is None else str(value)


def _confidence(value: Any) -> str:
    return f" {value['confidence']:.2f}" if isinstance(value, dict) and "confidence" in value else ""
