"""Spans to BIO tags over words, and the best legal tag sequence back to spans. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nlu_kit.data.encoding import Word
from nlu_kit.data.example import Entity

OUTSIDE = "O"
_FORBIDDEN = -np.inf  # no finite score, however extreme, buys an illegal step; "O" is always a way out


@dataclass(frozen=True, slots=True)
class TaggedSpan:
    """Words ``[first, last]`` carry ``label``."""

    first: int
    last: int
    label: str


def tag_words(words: Sequence[Word], entities: Sequence[Entity]) -> list[str]:
    """One BIO tag per word. An entity takes every word it touches; where two touch one word, the first keeps it."""
    tags = [OUTSIDE] * len(words)
    for entity in sorted(entities, key=lambda entity: entity.start):
        inside = False
        for position, word in enumerate(words):
            if word.start < entity.end and entity.start < word.end and tags[position] == OUTSIDE:
                tags[position] = f"{'I' if inside else 'B'}-{entity.label}"
                inside = True
    return tags


def spans_of(tags: Sequence[str]) -> list[TaggedSpan]:
    """The spans of a legal BIO sequence; an I- that continues nothing opens a span, as in conlleval."""
    spans: list[TaggedSpan] = []
    for position, tag in enumerate(tags):
        if tag == OUTSIDE:
            continue
        label = tag[2:]
        if tag[0] == "I" and spans and spans[-1].last == position - 1 and spans[-1].label == label:
            spans[-1] = TaggedSpan(spans[-1].first, position, label)
        else:
            spans.append(TaggedSpan(position, position, label))
    return spans


def legal_transitions(tags: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Scores [C] for starting with a tag and [C, C] from a tag to the next: 0 where legal, -inf where not.

    ``I-x`` may only follow ``B-x`` or ``I-x``.
    """
    inside = np.array([tag.startswith("I-") for tag in tags], dtype=bool)
    labels = np.array([tag[2:] if tag != OUTSIDE else "" for tag in tags])
    start = np.where(inside, _FORBIDDEN, 0.0)
    follows = (labels[:, None] == labels[None, :]) & (labels[:, None] != "")
    return start, np.where(inside[None, :] & ~follows, _FORBIDDEN, 0.0)


def viterbi(scores: np.ndarray, start: np.ndarray, transitions: np.ndarray) -> np.ndarray:
    """The best path [W] through ``scores`` [W, C] (Viterbi 1967), in O(W C²)."""
    count = len(scores)
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    best = start + scores[0]
    back = np.zeros(scores.shape, dtype=np.int64)
    for position in range(1, count):
        candidates = best[:, None] + transitions
        back[position] = candidates.argmax(axis=0)
        best = candidates.max(axis=0) + scores[position]
    path = np.zeros(count, dtype=np.int64)
    path[-1] = best.argmax()
    for position in range(count - 1, 0, -1):
        path[position - 1] = back[position, path[position]]
    return path
