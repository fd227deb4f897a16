"""Texts in, one answer a text: lines of a stream as they come, files, and whatever an installed reader reads. No torch.

Every source gives the same: batches of utterances, each of what has come by then. Where one is wrong, those before it
come first, so that they are answered; then the error is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nlu_kit.data.lines import Stream, arriving, decode_line, parse_record, record_text
from nlu_kit.data.prediction import Prediction
from nlu_kit.errors import DataError
from nlu_kit.runtime.values import json_value

BATCH = 256
INPUT = "input"
"""Where an answer keeps what a record calls as a prediction calls its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """A text, and ``given``: what else its record holds, by key."""

    text: str
    given: Mapping[str, Any] = field(default_factory=dict)


Parse = Callable[[str, str], Utterance]
"""From a line and its place (``file:line``). May raise DataError, which starts with that place."""


def plain_line(line: str, where: str) -> Utterance:
    """The line itself."""
    return Utterance(text=line)


def record_line(line: str, where: str) -> Utterance:
    """A line that is a JSON object with a ``text``; a blank one is an empty text. Raises DataError for any other."""
    if not line.strip():
        return Utterance(text=line)
    record = parse_record(line, where)
    text = record_text(record, where)
    return Utterance(text=text, given={key: value for key, value in record.items() if key != "text"})


def from_stream(stream: Stream, name: str, parse: Parse) -> Iterator[list[Utterance]]:
    """An utterance a line, in batches of those that are there already. Raises DataError for the first that is wrong."""
    number = 0
    try:
        for lines in arriving(stream, name):
            first, number = number + 1, number + len(lines)
            yield from batches(
                parse(decode_line(raw, name, at), f"{name}:{at}") for at, raw in enumerate(lines, start=first)
            )
    except OSError as error:
        raise DataError(f"{name} can't be read: {error.strerror or error}") from error


def batches(utterances: Iterable[Utterance], *, size: int = BATCH) -> Iterator[list[Utterance]]:
    """Lists of at most ``size``; where the next can't be had, first those before it."""
    batch: list[Utterance] = []
    try:
        for utterance in utterances:
            batch.append(utterance)
            if len(batch) == size:
                yield batch
                batch = []
    except DataError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def answer(prediction: Prediction, utterance: Utterance) -> dict[str, Any]:
    """The prediction as JSON, with what was given beside it: under its own key, so that answers can be joined to what
    was asked, or under ``input`` where the prediction has that key."""
    predicted = prediction.to_json()
    given = {key: json_value(value) for key, value in utterance.given.items()}
    aside = {key: given.pop(key) for key in list(given) if key in predicted or key == INPUT}
    return {**predicted, **given, **({INPUT: aside} if aside else {})}
