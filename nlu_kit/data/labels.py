"""The label space of one head: fitted on train only, ordered, stored with the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

IGNORE = -100
"""The class index of "no target here": padding, special tokens, further subwords, examples without this annotation."""


@dataclass(frozen=True, slots=True)
class LabelSpace:
    """Class names in the order of the head's outputs. Order is part of the model: it is stored, never re-derived."""

    names: tuple[str, ...]
    _index: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index = {name: position for position, name in enumerate(self.names)}
        if len(index) != len(self.names):
            raise ValueError(f"a label occurs twice in {self.names}")
        object.__setattr__(self, "_index", index)

    @classmethod
    def fit(cls, values: Iterable[str]) -> LabelSpace:
        """The distinct values, sorted, so that the order does not depend on the order of the data."""
        return cls(tuple(sorted(set(values))))

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._index

    def index(self, name: str) -> int | None:
        """Position of ``name``, or None for a label that train never had."""
        return self._index.get(name)
