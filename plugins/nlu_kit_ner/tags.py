"""Spans to tags over words and back, in either scheme, and which tag may follow which. numpy only.

BIO (Ramshaw and Marcus 1995, as IOB2): ``B-x`` begins an entity, ``I-x`` goes on. BILOU (Ratinov and Roth 2009,
"Design Challenges and Misconceptions in Named Entity Recognition"): its last word is ``L-x``, its only one ``U-x``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nlu_kit.plugin import Entity, Word
from nlu_kit_ner import Scheme

OUTSIDE = "O"
PREFIXES: dict[Scheme, str] = {"bio": "BI", "bilou": "BILU"}


@dataclass(frozen=True, slots=True)
class TaggedSpan:
    """Words ``[first, last]`` carry ``label``."""

    first: int
    last: int
    label: str


@dataclass(frozen=True, slots=True)
class Legal:
    """Which of C tags may come first [C], follow which [C, C] (from, to), and come last [C]: bool."""

    start: np.ndarray
    steps: np.ndarray
    end: np.ndarray


def tag_names(labels: Iterable[str], scheme: Scheme) -> tuple[str, ...]:
    """``O``, then the tags of each label in turn."""
    return (OUTSIDE, *(f"{prefix}-{label}" for label in labels for prefix in PREFIXES[scheme]))


@dataclass(frozen=True, slots=True)
class Placed:
    """``entities``: with the positions of their words, in text order; ``unlearnable``: what tags can't express."""

    entities: Sequence[tuple[Entity, range]]
    unlearnable: Sequence[Entity]


def place(words: Sequence[Word], entities: Sequence[Entity]) -> Placed:
    """Which entities tags of these words can express: those that begin where a word does and end where one does.

    A word has one tag: an entity that shares a word with one before it (of two that start together, the longer) can't
    be learnt at all, since its remaining words would be a span that nobody annotated.
    """
    first = {word.start: position for position, word in enumerate(words)}
    last = {word.end: position for position, word in enumerate(words)}
    placed: list[tuple[Entity, range]] = []
    unlearnable: list[Entity] = []
    free = 0  # the first word that no entity has
    for entity in sorted(entities, key=lambda entity: (entity.start, -entity.end)):
        begins, ends = first.get(entity.start), last.get(entity.end)
        if begins is None or ends is None or begins < free:
            unlearnable.append(entity)
        else:
            placed.append((entity, range(begins, ends + 1)))
            free = ends + 1
    return Placed(placed, unlearnable)


def tag_words(words: Sequence[Word], entities: Sequence[Entity], scheme: Scheme = "bio") -> list[str | None]:
    """One tag per word. None where an entity that can't be learnt touches it: its tag is unknown."""
    placed = place(words, entities)
    tags: list[str | None] = [
        None if any(word.start < entity.end and entity.start < word.end for entity in placed.unlearnable) else OUTSIDE
        for word in words
    ]
    for entity, taken in placed.entities:
        for position, prefix in zip(taken, _prefixes(len(taken), scheme), strict=True):
            tags[position] = f"{prefix}-{entity.label}"
    return tags


def _prefixes(count: int, scheme: Scheme) -> str:
    """The prefixes of an entity of ``count`` words."""
    if scheme == "bio":
        return "B" + "I" * (count - 1)
    return "U" if count == 1 else f"B{'I' * (count - 2)}L"


def spans_of(tags: Sequence[str]) -> list[TaggedSpan]:
    """The spans of a legal sequence of either scheme; what continues nothing opens a span, as in conlleval."""
    spans: list[TaggedSpan] = []
    goes_on = False  # the span that ends at the word before
    for position, tag in enumerate(tags):
        if tag == OUTSIDE:
            goes_on = False
            continue
        prefix, label = tag[0], tag[2:]
        if prefix in "IL" and goes_on and spans[-1].label == label:
            spans[-1] = TaggedSpan(spans[-1].first, position, label)
        else:
            spans.append(TaggedSpan(position, position, label))
        goes_on = prefix in "BI"
    return spans


def legal_tags(tags: Sequence[str], scheme: Scheme) -> Legal:
    """``I-x`` and ``L-x`` may only follow ``B-x`` or ``I-x``; in BILOU, only they may follow these."""
    prefixes = np.array([tag[0] for tag in tags], dtype="U1")
    labels = np.array([tag[2:] for tag in tags], dtype=str)
    opens, inside = np.isin(prefixes, ["B", "I"]), np.isin(prefixes, ["I", "L"])
    continues = opens[:, None] & inside[None, :] & (labels[:, None] == labels[None, :])
    ends = np.ones(len(tags), dtype=bool) if scheme == "bio" else ~opens
    return Legal(start=~inside, steps=continues | (ends[:, None] & ~inside[None, :]), end=ends)
