"""Annotations that a head can't learn: which these are, and what is likely to be wrong where most are. No torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Entity, Example
from nlu_kit.data.printable import one_line
from nlu_kit.errors import DataError

FEW = 5
"""Unlearnable annotations of one label, below which nothing is refused: a slip or two is no system."""
SHOWN = 10
_LONGEST = 60  # characters of an entity's text, of a word's


@dataclass(frozen=True, slots=True)
class Unlearnable:
    """``entity`` says what is lost, of the text of ``example``."""

    example: Example
    encoding: Encoding
    entity: Entity

    def __str__(self) -> str:
        """``train.jsonl:7: 'Osl' [9, 12) city``."""
        start, end = self.entity.start, self.entity.end
        return f"{self.example.source}: {_quoted(self.example.text[start:end])} [{start}, {end}) {self._label}"

    @property
    def _label(self) -> str:
        return one_line(self.entity.label)

    @property
    def cut_off(self) -> bool:
        """Whether it ends where the encoder does not read any more."""
        words = self.encoding.words
        return self.encoding.truncated and (not words or self.entity.end > words[-1].end)

    def fits(self, start: int, end: int) -> bool:
        """Whether a word starts and another, or the same, ends there."""
        words = self.encoding.words
        return any(word.start == start for word in words) and any(word.end == end for word in words)


def refuse_unlearnable(head: str, lost: Sequence[Unlearnable], counts: Mapping[str, int]) -> None:
    """Raises DataError where most annotations of a label are lost, and not just a few: what is then wrong is wrong with
    all of them. ``counts`` has how many each label has in all."""
    by_label: dict[str, list[Unlearnable]] = defaultdict(list)
    for one in lost:
        by_label[one.entity.label].append(one)
    refused = {
        label: rows for label, rows in by_label.items() if len(rows) >= FEW and 2 * len(rows) > counts.get(label, 0)
    }
    if not refused:
        return
    rows = [one for label in refused for one in refused[label]]
    said = ", ".join(f"{one_line(label)} {len(found)} of {counts.get(label, 0)}" for label, found in refused.items())
    places = "".join(f"\n  {one}" for one in rows[:SHOWN])
    left = f"\n  and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
    raise DataError(
        f"the head '{head}' can't learn most annotations of these labels, which fit no words: {said}; "
        f"{likely_cause(rows)}{places}{left}"
    )


def likely_cause(lost: Sequence[Unlearnable]) -> str:
    """What would explain most of them, and what to do then."""
    if 2 * sum(one.cut_off for one in lost) > len(lost):
        return "they lie beyond what the encoder reads: set a larger backbone.max_length, or shorten the texts"
    for said, reading in _READINGS.items():
        if 2 * sum(one.fits(*reading(one.example.text, one.entity)) for one in lost) > len(lost):
            return f"{said}; start and end must count characters from 0, and end is exclusive"
    example = next((one for one in lost if _around(one)), None)
    word = "" if example is None else f" (to it {_quoted(_around(example))} is one word)"
    return (
        "check the offsets, which count characters from 0 with an exclusive end, and whether the encoder's tokenizer "
        f"is made for this language{word}"
    )


def _around(one: Unlearnable) -> str:
    """The word that the entity is inside of; empty where there is none."""
    for word in one.encoding.words:
        if word.start <= one.entity.start and one.entity.end <= word.end:
            return one.example.text[word.start : word.end]
    return ""


def _bytes(text: str, offset: int) -> int:
    return len(text.encode()[:offset].decode(errors="ignore"))


def _utf16(text: str, offset: int) -> int:
    return len(text.encode("utf-16-le")[: 2 * offset].decode("utf-16-le", errors="ignore"))


_READINGS: Mapping[str, Callable[[str, Entity], tuple[int, int]]] = {
    "their offsets seem to count bytes": lambda text, e: (_bytes(text, e.start), _bytes(text, e.end)),
    "their offsets seem to count UTF-16 units": lambda text, e: (_utf16(text, e.start), _utf16(text, e.end)),
    "their ends seem to be inclusive": lambda text, e: (e.start, e.end + 1),
    "their offsets seem to count from 1": lambda text, e: (e.start - 1, e.end - 1),
    "their offsets seem to count from 1, with inclusive ends": lambda text, e: (e.start - 1, e.end),
}


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")
