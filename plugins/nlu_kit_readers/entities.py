"""The ``entities`` of one jsonl record, checked against its text."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from nlu_kit.plugin import DataError, Entity, did_you_mean

KEYS = ("start", "end", "label", "role", "group", "value", "text")


def parse_entities(value: Any, text: str, where: str) -> tuple[Entity, ...] | None:
    """Spans of ``text`` from ``[{"start", "end", "label", role?, group?, value?, text?}, …]``, in text order.

    ``None`` stays None ("not annotated"), ``[]`` gives ``()`` ("there are none"). Offsets count characters
    (code points), ``end`` is exclusive; ``text``, where given, must be that slice. Raises DataError, which starts
    with ``where``, for anything else: also for a span that starts or ends with white space (no prediction ever does,
    so it could never be got right) and for one that is there twice. Spans may nest and overlap: whether a head can
    learn such is the head's to say. Of those that start together, the longest comes first.
    """
    if value is None:
        return None
    if not isinstance(value, list):
        raise DataError(f"{where}: 'entities' must be a list; write [] where there are none, or leave it out")
    entities = [_entity(item, text, f"{where}: entity {number}") for number, item in enumerate(value, start=1)]
    entities.sort(key=lambda entity: (entity.start, -entity.end, entity.label))
    for left, right in pairwise(entities):
        if (left.start, left.end, left.label) == (right.start, right.end, right.label):
            raise DataError(f"{where}: the entity {_name(left, text)} is there twice; remove one")
    return tuple(entities)


def _entity(item: Any, text: str, where: str) -> Entity:
    if not isinstance(item, dict):
        raise DataError(f'{where} must be an object such as {{"start": 0, "end": 5, "label": "city"}}')
    for key in item:
        if key not in KEYS:
            raise DataError(f"{where}: unknown key '{key}'; {did_you_mean(key, KEYS)}allowed: {', '.join(KEYS)}")
    start, end = _offset(item, "start", where), _offset(item, "end", where)
    if not 0 <= start < end <= len(text):
        raise DataError(
            f"{where}: the span [{start}, {end}) does not fit the text, which has {len(text)} characters; "
            "0 <= start < end <= length must hold (end is exclusive, offsets count characters)"
        )
    label = _string(item, "label", where)
    if label is None:
        raise DataError(f'{where} has no \'label\'; name the kind of entity, such as "label": "city"')
    _check_span(item, text, start, end, where)
    role, group, value = (_string(item, key, where) for key in ("role", "group", "value"))
    return Entity(start=start, end=end, label=label, role=role, group=group, value=value)


def _offset(item: dict[str, Any], key: str, where: str) -> int:
    if key not in item:
        raise DataError(f"{where} has no '{key}'; give start and end as character offsets into the text")
    offset = item[key]
    if type(offset) is not int:  # bool is an int in Python, and no offset
        raise DataError(f"{where}: '{key}' must be a whole number, got {offset!r}")
    return offset


def _string(item: dict[str, Any], key: str, where: str) -> str | None:
    """A string that is not blank, or None where the key is absent or null."""
    value = item.get(key)
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise DataError(f"{where}: '{key}' must be a string that is not empty, got {value!r}")
    return value


def _check_span(item: dict[str, Any], text: str, start: int, end: int, where: str) -> None:
    span = text[start:end]
    given = item.get("text")
    if given is not None and given != span:
        raise DataError(f"{where}: 'text' is {given!r}, but [{start}, {end}) of the text is {span!r}; mend the offsets")
    trimmed = span.strip()
    if not trimmed:
        raise DataError(f"{where}: the span [{start}, {end}) is only white space; mend the offsets or remove it")
    if trimmed != span:
        left = start + len(span) - len(span.lstrip())
        raise DataError(
            f"{where}: the span [{start}, {end}) {span!r} starts or ends with white space; "
            f'write "start": {left}, "end": {left + len(trimmed)}'
        )


def _name(entity: Entity, text: str) -> str:
    return f"[{entity.start}, {entity.end}) {text[entity.start : entity.end]!r} ({entity.label})"
