"""Texts that occur twice: with annotations that contradict each other, or on both sides of a split. No torch, no numpy.

Two texts are the same where they differ in nothing but case and outer white space. Most encoders see no case, and where
one does, two such texts with different labels are still worth a look.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from nlu_kit.data.example import Example


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
