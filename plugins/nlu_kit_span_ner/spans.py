"""Spans of words: where each entity lies in the table of all spans, and which of several may stand together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Entity
from nlu_kit_span_ner.params import Overlap


class Extent(Protocol):
    """Anything with character offsets."""

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...


S = TypeVar("S", bound=Extent)


@dataclass(frozen=True, slots=True)
class Cell:
    """A span of words in the table: ``token`` is its first word's first subword, ``width`` its words less one."""

    token: int
    width: int


def cells(entities: Sequence[Entity], encoding: Encoding, max_width: int) -> dict[Cell, Entity]:
    """Each entity at the span of the words it touches. What is missing from the result can't be learnt.

    An entity that is wider than ``max_width``, or not all there after truncation, has no cell; where two have the same
    one, the first keeps it.
    """
    found: dict[Cell, Entity] = {}
    words = encoding.words
    for entity in entities:
        touched = [i for i, word in enumerate(words) if word.start < entity.end and entity.start < word.end]
        cut_off = encoding.truncated and (not touched or entity.end > words[-1].end)
        if touched and not cut_off and len(touched) <= max_width:
            found.setdefault(Cell(words[touched[0]].token, len(touched) - 1), entity)
    return found


def compatible(spans: Sequence[S], overlap: Overlap) -> list[S]:
    """Those of ``spans`` that may stand together, earlier ones first served (best first: the greedy choice)."""
    kept: list[S] = []
    for span in spans:
        if not any(_clash(span, other, overlap) for other in kept):
            kept.append(span)
    return kept


def _clash(a: Extent, b: Extent, overlap: Overlap) -> bool:
    if overlap == "allow" or a.end <= b.start or b.end <= a.start:
        return False
    nested = (a.start <= b.start and b.end <= a.end) or (b.start <= a.start and a.end <= b.end)
    return overlap == "flat" or not nested
