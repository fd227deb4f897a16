"""Three files, line by line: texts, BIO tags, intents."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from nlu_kit.plugin import DataError, Entity, Example, text_lines
from nlu_kit_readers import ParallelParams

TEXTS, TAGS, INTENTS = FILES = ("seq.in", "seq.out", "label")
# The format separates words by blanks; a no-break space is a character of its word, as it is in the tags' counting.
WORD = re.compile(r"[^ \t]+")


def is_parallel(path: Path) -> bool:
    """Whether ``path`` is a folder that has the three files."""
    return all((path / name).is_file() for name in FILES)


def read_parallel(params: ParallelParams, path: Path) -> Iterator[Example]:
    """The examples of a folder with ``seq.in``, ``seq.out`` and ``label`` (SNIPS, ATIS).

    ``text`` is the line as it is, double and trailing blanks included, so that offsets index what the file says; a
    multi-intent label (``a#b``) is one label. Lines that are blank in all three files are skipped. Raises DataError,
    with file and line, where the files don't fit each other.
    """
    missing = [name for name in FILES if not (path / name).is_file()]
    if missing:
        raise DataError(f"{path}: no {', no '.join(missing)}; a parallel corpus is a folder with {', '.join(FILES)}")
    columns = [text_lines(path / name) for name in FILES]
    for number, lines in enumerate(zip_longest(*columns), start=1):
        if any(line is not None and line.strip() for line in lines):
            yield _example(lines, path, number)


def _example(lines: tuple[str | None, ...], path: Path, number: int) -> Example:
    for name, line in zip(FILES, lines, strict=True):
        if line is None or not line.strip():
            others = " and ".join(
                other for other, has in zip(FILES, lines, strict=True) if has is not None and has.strip()
            )
            what = "the file ends before this line" if line is None else "the line is empty"
            raise DataError(
                f"{path / name}:{number}: {what}, but not in {others}; the three files need one line per utterance"
            )
    text, tags, intent = (line or "" for line in lines)
    return Example(
        text=text,
        intent=intent.strip(),
        entities=_entities(text, WORD.findall(tags), path, number),
        source=f"{path / TEXTS}:{number}",
    )


def _entities(text: str, tags: list[str], path: Path, number: int) -> tuple[Entity, ...]:
    words = [match.span() for match in WORD.finditer(text)]
    if len(words) != len(tags):
        raise DataError(
            f"{path / TAGS}:{number}: {len(tags)} tags, but {len(words)} words in {TEXTS}; give each word one tag"
        )
    for tag in tags:
        if not is_tag(tag):
            raise DataError(f"{path / TAGS}:{number}: '{tag}' is no BIO tag; write O, B-<label> or I-<label>")
    return spans(words, tags)


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
