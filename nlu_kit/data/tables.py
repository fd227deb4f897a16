"""Rows of csv and tsv: one way to read them, for predictions, for pairs and for readers.

Csv quotes as RFC 4180 has it. Tsv quotes nothing: a quotation mark in it belongs to the text. A row that is wrong is a
row, too, and the next one begins on the next line: a quote that is never closed costs its own row and no other.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from nlu_kit.data.lines import LONGEST

SEPARATORS = {".csv": ",", ".tsv": "\t"}
MOST_LINES = 1000
"""Of one row, whose texts may have line breaks."""
_SURELY = 10
"""Lines that a quote joins, though nearly each of them would be a row: from so many on, it was left open."""
_NEARLY = 0.9
_OPEN = "a quote opens here and isn't closed where its field ends; close it, and double each quote inside of quotes"


@dataclass(frozen=True, slots=True)
class TableRow:
    """``line``, from 1, is where the row begins. Where the row is ``wrong``, that says why, ``line`` is the one to be
    mended, and there are no ``fields``."""

    line: int
    fields: Sequence[str] = ()
    wrong: str = ""


def table_rows(lines: Iterable[str], separator: str) -> Iterator[TableRow]:
    """The rows of a table, the first of which says how many fields each has; others may have more or fewer. Blank lines
    are none. ``lines`` have their line breaks. Memory stays flat."""
    return _plain(lines) if separator == "\t" else _quoted(lines, separator)


def _plain(lines: Iterable[str]) -> Iterator[TableRow]:
    for number, line in enumerate(lines, start=1):
        if text := line.rstrip("\r\n"):
            yield TableRow(number, text.split("\t"))


def _quoted(lines: Iterable[str], separator: str) -> Iterator[TableRow]:
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=separator, strict=True)
    width = 0
    while True:
        used, wrong, fields = 1, "", []
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            used, wrong = _broken(feed.taken, separator, width, error)
        else:
            width = width or len(fields)
            if _left_open(feed.taken, separator, width, right=len(fields) == width):
                wrong = f"{_OPEN} (it ends on line {feed.line + len(feed.taken) - 1}, and the lines between are rows)"
            else:
                used = len(feed.taken)
        if wrong:
            yield TableRow(feed.line + used - 1, wrong=wrong)
        elif fields:
            yield TableRow(feed.line, fields)
        feed.go_on(used)


class _Feed:
    """Lines for the csv module, which can be read again. ``taken`` are those of the present row, ``line`` is the number
    of the first."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self._size, self.line = 0, 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) == MOST_LINES or self._size > LONGEST:
            raise csv.Error(f"a row of more than {MOST_LINES:,} lines")
        line = self._again.popleft() if self._again else next(self._lines)
        self.taken.append(line)
        self._size += len(line)
        return line

    def go_on(self, used: int) -> None:
        """After the first ``used`` lines of the row; the others come again."""
        self._again.extendleft(reversed(self.taken[used:]))
        self.taken, self._size = [], 0
        self.line += used


def _broken(taken: Sequence[str], separator: str, width: int, error: csv.Error) -> tuple[int, str]:
    """How many lines the row has that can't be read, up to the one that is wrong; and what is wrong there."""
    text, sign = "".join(taken), re.escape(separator)
    field = re.compile(rf'(?:"[^"]*(?:""[^"]*)*"|[^"{sign}\r\n][^{sign}\r\n]*)?{sign}')
    right, at = 0, 0
    while found := field.match(text, at):
        right, at = right + 1, found.end()
    used = min(1 + sum(end <= at for end in accumulate(map(len, taken))), len(taken))
    if used > 1 and right >= max(1, width):  # more fields than there may be: it went wrong on the first line
        return 1, _OPEN
    too_long = used == len(taken) and len(text) - at > csv.field_size_limit()  # on one line: it may be closed
    return used, _OPEN if text.startswith('"', at) and not too_long else str(error)


def _left_open(taken: Sequence[str], separator: str, width: int, *, right: bool) -> bool:
    """Whether a quote joins lines that are rows. ``right``: joined, they have the right number of fields."""
    others = taken[1:]
    if not others or (right and len(others) < _SURELY):
        return False
    return sum(_has(line, separator, width) for line in others) >= _NEARLY * len(others)


def _has(line: str, separator: str, width: int) -> bool:
    try:
        return len(next(csv.reader([line], delimiter=separator, strict=True))) == width
    except csv.Error:
        return False
