"""The rows of a table, each with the line that it starts in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nlu_kit.plugin import DataError, table_rows, text_lines

TAB = ".tsv"


@dataclass(frozen=True, slots=True)
class Row:
    """``where`` is ``file:line``; a cell in quotes may go over several lines, and this is the first."""

    where: str
    cells: Sequence[str]


def rows(path: Path, delimiter: str | None) -> Iterator[Row]:
    """All rows that are not empty. Quotes mean what they mean everywhere in nlu-kit: in tsv, nothing.

    Raises DataError, with file and line, where the file is no table in UTF-8.
    """
    delimiter = delimiter or ("\t" if path.suffix.lower() == TAB else ",")
    for row in table_rows((f"{line}\n" for line in text_lines(path)), delimiter):
        where = f"{path}:{row.line}"
        if row.wrong:
            raise DataError(f"{where}: not a row of a table: {row.wrong}")
        yield Row(where, row.fields)
