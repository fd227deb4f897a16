"""Spans of words: where each entity lies in the table of all spans, and which of several may stand together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from nlu_kit.plugin import Encoding, Entity
from nlu_kit_span_ner import Overlap


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


@dataclass(frozen=True, slots=True)
class Placed:
    """``entities``: each that the table can hold, at its cell; ``unlearnable``: the others; ``unclear``: the cells
    without a target, because one of the others may be meant by them."""

    entities: Mapping[Cell, Entity]
    unlearnable: Sequence[Entity]
    unclear: Collection[Cell]


def place(entities: Sequence[Entity], encoding: Encoding, max_width: int, overlap: Overlap) -> Placed:
    """Which entities the table of spans of up to ``max_width`` words can hold, the earlier and longer first served.

    Unlearnable are those that begin or end inside a word or beyond the truncation, are wider, have the same words as
    another, or overlap with one in a way that ``overlap`` rules out. One that does not fit the words may be any of the
    spans that it touches; of one that fits but is too wide, every span within it is known to be none.
    """
    words = encoding.words
    first = {word.start: position for position, word in enumerate(words)}
    last = {word.end: position for position, word in enumerate(words)}
    fitting: dict[Cell, Entity] = {}
    unclear: set[Cell] = set()
    in_order = sorted(entities, key=lambda entity: (entity.start, -entity.end, entity.label))
    for entity in in_order:
        begins, ends = first.get(entity.start), last.get(entity.end)
        if begins is None or ends is None:
            touched = [word for word in words if word.start < entity.end and entity.start < word.end]
            unclear |= {
                Cell(word.token, width)
                for position, word in enumerate(touched)
                for width in range(min(len(touched) - position, max_width))
            }
        elif ends - begins < max_width:
            fitting.setdefault(Cell(words[begins].token, ends - begins), entity)
    kept = {id(entity) for entity in compatible(list(fitting.values()), overlap)}
    placed = {cell: entity for cell, entity in fitting.items() if id(entity) in kept}
    return Placed(
        entities=placed,
        unlearnable=[entity for entity in in_order if id(entity) not in kept],
        unclear=(unclear | fitting.keys()) - placed.keys(),
    )


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
