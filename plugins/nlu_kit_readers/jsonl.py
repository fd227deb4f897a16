"""One JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nlu_kit.plugin import DataError, Example, json_type, parse_record, record_text, text_lines
from nlu_kit_readers import JsonlParams
from nlu_kit_readers.entities import parse_entities

KNOWN = frozenset({"text", "intent", "entities"})
SPAN_KEYS = {"start", "end", "label"}


def read_jsonl(params: JsonlParams, path: Path) -> Iterator[Example]:
    """The examples of a jsonl file; blank lines are skipped.

    Keys: ``text``; ``intent`` (a string, or a list of strings); ``entities`` (see ``parse_entities``); any other key
    goes to ``Example.labels``. An intent or entities that are absent or null mean "not annotated". Raises DataError,
    with file and line, for the first line that is wrong.
    """
    for number, line in enumerate(text_lines(path), start=1):
        if line.strip():
            yield _example(line, f"{path}:{number}")


def _example(line: str, where: str) -> Example:
    record = parse_record(line, where)
    text = _text(record, where)
    return Example(
        text=text,
        intent=_intent(record, where),
        entities=parse_entities(record.get("entities"), text, where),
        labels={key: _further(value, text, where) for key, value in record.items() if key not in KNOWN},
        source=where,
    )


def _further(value: Any, text: str, where: str) -> Any:
    """A field of the user's own. Spans become entities, so that a second `ner` head can learn from them."""
    spans = isinstance(value, list) and value and all(isinstance(v, dict) and v.keys() >= SPAN_KEYS for v in value)
    return parse_entities(value, text, where) if spans else value


def _text(record: dict[str, Any], where: str) -> str:
    text = record_text(record, where)
    if not text.strip():
        raise DataError(f"{where}: 'text' is empty; write the utterance or remove the line")
    return text


def _intent(record: dict[str, Any], where: str) -> str | tuple[str, ...] | None:
    """One label, or the tuple of several; a list may be empty."""
    intent = record.get("intent")
    if intent is None:
        return None
    if not isinstance(intent, list):
        return _label(intent, where)
    labels = tuple(_label(label, where) for label in intent)
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise DataError(f"{where}: 'intent' lists {twice!r} twice; remove one")
    return labels


def _label(label: Any, where: str) -> str:
    if not isinstance(label, str):
        raise DataError(
            f"{where}: 'intent' must be a string or a list of strings, got {json_type(label)}; "
            'write its name, such as "intent": "greet", or leave it out where there is none'
        )
    if not label.strip():
        raise DataError(f"{where}: 'intent' has an empty string; write its name, or leave it out where there is none")
    return label
