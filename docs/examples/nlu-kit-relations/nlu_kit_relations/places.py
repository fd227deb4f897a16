"""Where an entity is among the tokens."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from nlu_kit.plugin import Encoding


class Span(Protocol):
    """Anything with character offsets."""

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...


class Place(NamedTuple):
    """The positions of a span's first and last token."""

    first: int
    last: int


def place(span: Span, encoding: Encoding) -> Place | None:
    """Of the words that the span touches; None where truncation has left none of them, or cut some off."""
    words = [word for word in encoding.words if word.start < span.end and span.start < word.end]
    if not words or (encoding.truncated and span.end > words[-1].end):
        return None
    return Place(words[0].token, words[-1].stop - 1)


def exact(span: Span, encoding: Encoding) -> bool:
    """Whether the span starts and ends where words do, so that a head that finds words can find it."""
    starts, ends = {word.start for word in encoding.words}, {word.end for word in encoding.words}
    return span.start in starts and span.end in ends
