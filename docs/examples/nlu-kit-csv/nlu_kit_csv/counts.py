"""What a corpus holds, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from nlu_kit.plugin import Example


@dataclass(slots=True)
class Counts:
    """``with_intent`` and ``with_entities`` count the utterances that are annotated, ``intents`` and ``entities`` each
    label, ``fields`` the utterances that have a further field."""

    utterances: int = 0
    with_intent: int = 0
    with_entities: int = 0
    intents: Counter[str] = field(default_factory=Counter)
    entities: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        """The labels that occur most come first."""
        return {
            "utterances": self.utterances,
            "with_intent": self.with_intent,
            "with_entities": self.with_entities,
            "intents": dict(_by_count(self.intents)),
            "entities": dict(_by_count(self.entities)),
            "fields": dict(_by_count(self.fields)),
        }

    def lines(self) -> list[str]:
        """For people."""
        found = [f"utterances  {self.utterances:,}"]
        annotated = (("intents", self.with_intent, self.intents), ("entities", self.with_entities, self.entities))
        for name, count, labels in annotated:
            listed = ", ".join(f"{label} {number:,}" for label, number in _by_count(labels))
            said = f"{len(labels)} labels in {count:,} annotated utterances" + (f": {listed}" if listed else "")
            found.append(f"{name:<12}{said if count else 'none annotated'}")
        if self.fields:
            found.append(f"{'fields':<12}" + ", ".join(f"{name} {number:,}" for name, number in _by_count(self.fields)))
        return found


def count(examples: Iterable[Example]) -> Counts:
    """One pass: a large corpus need not be in memory."""
    counts = Counts()
    for example in examples:
        counts.utterances += 1
        if example.intent is not None:
            counts.with_intent += 1
            counts.intents.update([example.intent] if isinstance(example.intent, str) else example.intent)
        if example.entities is not None:
            counts.with_entities += 1
            counts.entities.update(entity.label for entity in example.entities)
        counts.fields.update(example.labels.keys())  # of a mapping, Counter would add up the values
    return counts


def _by_count(labels: Counter[str]) -> list[tuple[str, int]]:
    return sorted(labels.items(), key=lambda item: (-item[1], item[0]))
