"""What the head's field of a prediction holds. No torch, no numpy."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationEnd:
    """The entity at one end: characters ``[start, end)``, that slice, and the entity's label."""

    start: int
    end: int
    text: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RelationPrediction:
    """From ``head`` to ``tail``. ``confidence``: the probability that both entities and their relation are right, which
    does not count when two are compared."""

    label: str
    head: RelationEnd
    tail: RelationEnd
    confidence: float = field(compare=False)

    def __repr__(self) -> str:
        """Short, because the terminal and the log show a tuple of these as Python does."""
        return f"{self.label}({self.head.text} → {self.tail.text} {self.confidence:.2f})"
