"""What there is to mind about data: said with a count, and with every place where it is. No torch, no numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
