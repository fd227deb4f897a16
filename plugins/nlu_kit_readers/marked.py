"""Sentences as a person writes them down: an intent's name after ``#``, then its sentences, entities in brackets.

# transfer
send [50 euros](amount) to [Anna](person)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from nlu_kit.plugin import DataError, Entity, Example, text_lines
from nlu_kit_readers import TextParams

_MARKED = re.compile(r"\[([^\[\]]*)\]\(([^()]*)\)")
_HEADING = re.compile(r"#\s+(.*\S)\s*")
_LOOKED_AT = 100  # lines


def is_marked_text(path: Path) -> bool:
    """Whether it is a .txt file with the name of an intent, or an entity, among its first lines."""
    if path.suffix.lower() != ".txt" or not path.is_file():
        return False
    try:
        lines = [line.strip() for line in islice(text_lines(path), _LOOKED_AT)]
    except DataError:
        return False
    return any(_HEADING.fullmatch(line) or _MARKED.search(line) for line in lines)


def read_marked_text(params: TextParams, path: Path) -> Iterator[Example]:
    """The sentences of the file; blank lines are skipped. Before the first heading, their intent is not annotated; a
    sentence without brackets has no entity. Raises DataError, with file and line, for brackets that mark nothing."""
    intent = None
    for number, line in enumerate(text_lines(path), start=1):
        where = f"{path}:{number}"
        if heading := _HEADING.fullmatch(line.strip()):
            intent = heading.group(1)
        elif line.strip():
            text, entities = _unmarked(line.strip(), where)
            yield Example(text=text, intent=intent, entities=entities, source=where)


def _unmarked(line: str, where: str) -> tuple[str, tuple[Entity, ...]]:
    """The sentence without its brackets, and what they mark."""
    text, entities, end = "", list[Entity](), 0
    for marked in _MARKED.finditer(line):
        words, label = (part.strip() for part in marked.groups())
        if not words or not label:
            raise DataError(
                f"{where}: {marked.group()} marks nothing; write the words and what they are: [Anna](person)"
            )
        text += line[end : marked.start()]
        entities.append(Entity(start=len(text), end=len(text) + len(words), label=label))
        text, end = text + words, marked.end()
    text += line[end:]
    rest = _MARKED.sub("", line)
    if "](" in rest or "[" in rest or "]" in rest:
        raise DataError(f"{where}: brackets that mark no entity; write [Anna](person), or leave them out: {line!r}")
    return text, tuple(entities)
