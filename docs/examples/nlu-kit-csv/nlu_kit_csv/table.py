"""The rows of a table, each with the line that it starts in."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nlu_kit.plugin import DataError

TAB = ".tsv"


@dataclass(frozen=True, slots=True)
class Row:
    """``where`` is ``file:line``; a cell in quotes may go over several lines, and this is the first."""

    where: str
    cells: Sequence[str]


def rows(path: Path, delimiter: str | None) -> Iterator[Row]:
    """All rows that are not empty. Raises DataError, with file and line, where the file is no table in UTF-8."""
    delimiter = delimiter or ("\t" if path.suffix.lower() == TAB else ",")
    reader = csv.reader(_lines(path), delimiter=delimiter, strict=True)
    while True:
        where = f"{path}:{reader.line_num + 1}"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{where}: not a row of a table: {error}; check its quotes") from None
        if cells:
            yield Row(where, cells)


def _lines(path: Path) -> Iterator[str]:
    """Each line with its line break: in quotes it belongs to the cell. Only LF ends a line; text may hold others."""
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                yield _decoded(raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw, f"{path}:{number}")
    except OSError as error:
        raise DataError(f"{path}: the file can't be read: {error.strerror or error}") from error


def _decoded(raw: bytes, where: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        said = f"byte 0x{raw[error.start]:02x} at position {error.start} of the line"
        raise DataError(f"{where}: not UTF-8: {said}; save the table as UTF-8") from None
