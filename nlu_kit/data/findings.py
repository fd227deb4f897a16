"""What a look at the data finds: texts that occur twice, annotations that can't be learnt, and how that is said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from nlu_kit.data.example import Entity, Example
from nlu_kit.data.printable import one_line
from nlu_kit.errors import DataError

if TYPE_CHECKING:  # numpy
    from nlu_kit.data.encoding import Encoding

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """``places`` are all of them, ``file:line`` and what is there; ``shown`` says how many of these a terminal gets."""

    message: str
    places: Sequence[str] = ()
    shown: int = SHOWN

    def __str__(self) -> str:
        """In one line, with the first places."""
        return ": ".join(filter(None, (self.message, "; ".join(self.places[: self.shown])))) + self.more

    @property
    def more(self) -> str:
        """``, and 12 more``; empty where all are shown."""
        left = len(self.places) - self.shown
        return f", and {left:,} more" if left > 0 else ""


# --- texts that occur twice -------------------------------------------------------------------------------------------


class Annotator(Protocol):
    """The part of a head's codec that tells annotations apart."""

    @property
    def fields(self) -> Sequence[str]: ...

    def gold(self, example: Example) -> Mapping[str, Any] | None: ...

    def matches(self, example: Example, prediction: Mapping[str, Any]) -> bool | None: ...


def text_key(text: str) -> str:
    """What two texts that are the same have in common."""
    return text.strip().casefold()


def shared(examples: Sequence[Example], others: Sequence[Example]) -> list[tuple[Example, Example]]:
    """Each example whose text is among ``others``, with the first of these."""
    first: dict[str, Example] = {}
    for other in others:
        first.setdefault(text_key(other.text), other)
    return [(example, first[key]) for example in examples if (key := text_key(example.text)) in first]


def contradictions(examples: Sequence[Example], annotator: Annotator) -> list[list[Example]]:
    """For each text that one head finds annotated in several ways, the first example of each way."""
    groups: dict[tuple[str, int], list[Example]] = defaultdict(list)
    for example in examples:  # offsets can be compared where texts begin alike
        groups[text_key(example.text), len(example.text) - len(example.text.lstrip())].append(example)
    found = []
    for group in groups.values():
        ways = _ways(group, annotator) if len(group) > 1 else []
        if len(ways) > 1:
            found.append(ways)
    return found


def _ways(group: Sequence[Example], annotator: Annotator) -> list[Example]:
    ways: list[tuple[Example, Mapping[str, Any]]] = []
    for example in group:
        gold = annotator.gold(example)
        if gold is not None and not any(annotator.matches(example, known) for _, known in ways):
            ways.append((example, {**dict.fromkeys(annotator.fields, ()), **gold}))
    return [example for example, _ in ways]


# --- annotations that can't be learnt ---------------------------------------------------------------------------------


FEW = 5
"""Unlearnable annotations of one label, below which nothing is refused: a slip or two is no system."""
UNLEARNABLE_SHOWN = 10
_LONGEST = 60  # characters of an entity's text, of a word's


@dataclass(frozen=True, slots=True)
class Unlearnable:
    """``entity`` says what is unlearnable, of the text of ``example``."""

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


def refuse_unlearnable(head: str, unlearnable: Sequence[Unlearnable], counts: Mapping[str, int]) -> None:
    """Raises DataError where most annotations of a label are unlearnable, and not just a few: they are then wrong in
    one way. ``counts`` has how many each label has in all."""
    by_label: dict[str, list[Unlearnable]] = defaultdict(list)
    for one in unlearnable:
        by_label[one.entity.label].append(one)
    refused = {
        label: rows for label, rows in by_label.items() if len(rows) >= FEW and 2 * len(rows) > counts.get(label, 0)
    }
    if not refused:
        return
    rows = [one for label in refused for one in refused[label]]
    said = ", ".join(f"{one_line(label)} {len(found)} of {counts.get(label, 0)}" for label, found in refused.items())
    places = "".join(f"\n  {one}" for one in rows[:UNLEARNABLE_SHOWN])
    left = f"\n  and {len(rows) - UNLEARNABLE_SHOWN:,} more" if len(rows) > UNLEARNABLE_SHOWN else ""
    raise DataError(
        f"the head '{head}' can't learn most annotations of these labels, which fit no words: {said}; "
        f"{likely_cause(rows)}{places}{left}"
    )


def likely_cause(unlearnable: Sequence[Unlearnable]) -> str:
    """What would explain most of them, and what to do then."""
    if 2 * sum(one.cut_off for one in unlearnable) > len(unlearnable):
        return "they lie beyond what the encoder reads: set a larger backbone.max_length, or shorten the texts"
    for said, reading in _READINGS.items():
        if 2 * sum(one.fits(*reading(one.example.text, one.entity)) for one in unlearnable) > len(unlearnable):
            return f"{said}; start and end must count characters from 0, and end is exclusive"
    example = next((one for one in unlearnable if _around(one)), None)
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
