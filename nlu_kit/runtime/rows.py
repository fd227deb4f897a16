"""Files of texts, row by row: lines, JSON lines, tables (csv, tsv, parquet), each but the last gzipped as well.

A row that is wrong is a row, too (``Bad``), so that whoever reads decides whether the others are answered. What breaks
the file as a whole raises DataError. Memory stays flat, however long the file is.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from nlu_kit.corpus.read import Chosen
from nlu_kit.data.lines import JSONL_SUFFIXES, LONGEST, arriving, decode_line, json_type
from nlu_kit.data.tables import SEPARATORS, TableRow, table_rows
from nlu_kit.errors import DataError, MissingPackageError
from nlu_kit.files import open_regular
from nlu_kit.runtime.texts import Parse, Utterance, plain_line, record_line

TEXT = "text"
PARQUET = ".parquet"
_PIECE = 1 << 20  # bytes
_ROWS = 1024  # of a parquet file at a time


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that is wrong: the ``line`` (from 1; of a parquet file, the row), and the reason, which names the place."""

    line: int
    reason: str


Row = Utterance | Bad


def kind(path: Path) -> str:
    """The suffix that says what the file is, in lower case and without ``.gz``."""
    suffix = path.suffix.lower()
    return path.with_suffix("").suffix.lower() if suffix == ".gz" else suffix


def is_table(path: Path) -> bool:
    return kind(path) in SEPARATORS or kind(path) == PARQUET


Opening = Callable[[Path], BinaryIO]
"""What opens a file for reading; it may lie in a store that is no file system."""


def rows_of(
    path: Path, *, jsonl: bool = False, column: str | None = None, opening: Opening = open_regular
) -> Iterator[Row]:
    """The rows of a file, by its name. ``column`` is where a table's texts are, ``text`` by default.

    Raises DataError where the file can't be read, a table has no such column, or a column is named and it is no table;
    MissingPackageError for parquet without pyarrow.
    """
    if not jsonl and is_table(path):
        read = _parquet if kind(path) == PARQUET else _table
        return read(path, column or TEXT, opening)
    if column is not None:
        raise DataError(f"{path} has no columns: --column is for csv, tsv and parquet; name such a file")
    return _lines(path, record_line if jsonl or kind(path) in JSONL_SUFFIXES else plain_line, opening)


def about_how_many(path: Path) -> int | None:
    """The rows of a file, for showing how far one is: exact, but for tables with line breaks in a field. None for a
    folder, and for what can't be read (which whoever reads the rows will say)."""
    if not path.is_file():
        return None
    try:
        if kind(path) == PARQUET:
            import pyarrow.parquet

            return int(pyarrow.parquet.read_metadata(path).num_rows)
        with _opened(path) as stream:
            lines, last = 0, b"\n"
            while piece := stream.read(_PIECE):
                lines, last = lines + piece.count(b"\n"), piece[-1:]
    except (DataError, ImportError, OSError, ValueError):  # the last two are pyarrow's
        return None
    return lines + (last != b"\n") - (kind(path) in SEPARATORS)


def utterances(rows: Iterator[Row]) -> Iterator[Utterance]:
    """Raises DataError for the first row that is wrong."""
    for row in rows:
        if isinstance(row, Bad):
            raise DataError(row.reason)
        yield row


def rows_by_reader(path: Path, chosen: Chosen) -> Iterator[Row]:
    """What a reader makes of a corpus. It raises DataError for the first row that is wrong."""
    spec, params = chosen
    for example in spec.read(params, path):
        yield Utterance(text=example.text, given=example.labels)


@contextmanager
def _opened(path: Path, opening: Opening = open_regular) -> Iterator[BinaryIO]:
    """The bytes, unpacked. Raises DataError for what goes wrong in the block, too."""
    try:
        with opening(path) as file:
            packed = path.suffix.lower() == ".gz"
            yield cast("BinaryIO", gzip.GzipFile(fileobj=file)) if packed else file
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except (OSError, EOFError, zlib.error) as error:
        said = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: the file can't be read: {said}; restore it from a copy") from error


def _lines(path: Path, parse: Parse, opening: Opening) -> Iterator[Row]:
    number = 0
    with _opened(path, opening) as stream:
        for lines in arriving(cast("Any", stream), str(path)):
            for raw in lines:
                number += 1
                row: Row
                try:
                    row = parse(decode_line(raw, str(path), number), f"{path}:{number}")
                except DataError as error:
                    row = Bad(number, str(error))
                yield row


def _table(path: Path, column: str, opening: Opening) -> Iterator[Row]:
    with _opened(path, opening) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
        rows = table_rows(_short_lines(text, path), SEPARATORS[kind(path)])
        header = _header(next(rows, TableRow(1)), path)
        place = _place(header, column, path)
        for row in rows:
            yield _row(row, header, place, path)


def _short_lines(text: io.TextIOWrapper, path: Path) -> Iterator[str]:
    """Raises DataError for one of more than LONGEST characters."""
    number = 0
    while line := text.readline(LONGEST):
        number += 1
        if len(line) == LONGEST:
            raise DataError(f"{path}:{number}: the line has more than {LONGEST >> 20} MB; write one row a line")
        yield line


def _header(row: TableRow, path: Path) -> Sequence[str]:
    where = f"{path}:{row.line}"
    if row.wrong:
        raise DataError(f"{where}: no header can be read: {row.wrong}; the first line names the columns")
    if not _is_utf8(row.fields):
        raise DataError(f"{where}: not UTF-8; write the file as UTF-8")
    _refuse_twins(row.fields, where)
    return row.fields


def _refuse_twins(header: Sequence[str], where: str) -> None:
    twice = sorted(name for name, times in Counter(header).items() if times > 1)
    if twice:
        raise DataError(f"{where}: the column '{twice[0]}' occurs twice; give each its own name")


def _place(header: Sequence[str], column: str, path: Path) -> int:
    if column not in header:
        named = ", ".join(header[:20]) or "none"
        raise DataError(f"{path} has no column '{column}' (columns: {named}); name the one with the texts by --column")
    return header.index(column)


def _row(row: TableRow, header: Sequence[str], place: int, path: Path) -> Row:
    where, fields = f"{path}:{row.line}", row.fields
    if row.wrong:
        return Bad(row.line, f"{where}: {row.wrong}")
    if len(fields) != len(header):
        return Bad(row.line, f"{where}: {len(fields)} fields, and the header names {len(header)}")
    if not _is_utf8(fields):
        return Bad(row.line, f"{where}: not UTF-8; write the file as UTF-8")
    given = dict(zip(header, fields, strict=True))
    del given[header[place]]
    return Utterance(text=fields[place], given=given)


def _is_utf8(fields: Sequence[str]) -> bool:
    try:
        "".join(fields).encode()
    except UnicodeEncodeError:  # what was escaped at decoding
        return False
    return True


def _parquet(path: Path, column: str, opening: Opening) -> Iterator[Row]:
    try:
        import pyarrow
        import pyarrow.parquet

        from nlu_kit.runtime.arrow import records
    except ImportError:
        raise MissingPackageError(f'{path}: parquet needs pyarrow: pip install "nlu-kit[parquet]"') from None
    number = 0
    try:
        with opening(path) as stream:
            file = pyarrow.parquet.ParquetFile(stream)
            names = file.schema_arrow.names
            _refuse_twins(names, str(path))
            _place(names, column, path)
            for batch in file.iter_batches(batch_size=_ROWS):
                for record in records(batch, column):
                    number += 1
                    where = f"{path}:{number}"
                    if isinstance(record, str):
                        yield Bad(number, f"{where}: {record}")
                    elif isinstance(text := record.pop(column), str):
                        yield Utterance(text=text, given=record)
                    else:
                        yield Bad(number, f"{where}: '{column}' must be a string, got {json_type(text)}")
    except (OSError, pyarrow.ArrowException) as error:
        said = " ".join(str(getattr(error, "strerror", None) or error).split())[:200]
        raise DataError(f"{path}: the file can't be read as parquet: {said}") from error
