"""BIO tags of words to character spans."""

from __future__ import annotations

from collections.abc import Sequence

from nlu_kit.plugin import Entity


def is_tag(tag: str) -> bool:
    """Whether ``tag`` is ``O``, ``B-<label>`` or ``I-<label>``."""
    return tag == "O" or (tag[:2] in ("B-", "I-") and len(tag) > 2)


def spans(words: Sequence[tuple[int, int]], tags: Sequence[str]) -> tuple[Entity, ...]:
    """Entities from ``words`` (``[start, end)`` each) and as many valid tags.

    As conlleval reads them: an ``I-`` after ``O``, or after another label, starts a span of its own.
    """
    entities: list[Entity] = []
    previous = "O"
    for (start, end), tag in zip(words, tags, strict=True):
        if tag != "O":
            label = tag[2:]
            if tag.startswith("I-") and previous[2:] == label:
                start = entities.pop().start  # the span goes on: its last version is replaced by a longer one
            entities.append(Entity(start=start, end=end, label=label))
        previous = tag
    return tuple(entities)
