"""What a reader yields: a text with what is known about it. No torch, no numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A span ``[start, end)`` of characters of the raw text."""

    start: int
    end: int
    label: str
    role: str | None = None
    group: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An utterance. ``None`` means "not annotated" and is masked; ``entities=()`` means "annotated: there are none".

    ``intent`` is a tuple where the corpus gives several: ``()`` is "annotated: none of them".
    ``labels`` holds any further field of the record, for heads that read another one; ``source`` is ``file:line``.
    ``out_of_scope``: none of the intents is meant, and ``intent`` is None; readers leave that to the core.
    """

    text: str
    intent: str | tuple[str, ...] | None = None
    entities: tuple[Entity, ...] | None = None
    labels: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    out_of_scope: bool = False

    def get(self, name: str) -> Any:
        """The annotation called ``name`` (``"intent"``, ``"entities"`` or a key of ``labels``), None where absent."""
        if name == "intent":
            return self.intent
        if name == "entities":
            return self.entities
        return self.labels.get(name)
