"""A table with a header, one utterance a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from nlu_kit.plugin import DataError, Example, did_you_mean
from nlu_kit_csv.entities import parse_entities
from nlu_kit_csv.params import CsvParams
from nlu_kit_csv.table import TAB, Row, rows


def is_csv(path: Path) -> bool:
    """Whether ``path`` is a file whose name says that it is such a table."""
    return path.suffix.lower() in (".csv", TAB) and path.is_file()


def read_csv(params: CsvParams, path: Path) -> Iterator[Example]:
    """The examples of a table; empty rows are skipped.

    An empty cell means "not annotated". Further columns become fields of ``Example.labels``, as text. Raises DataError,
    with file and line, for the first row that is wrong.
    """
    table = rows(path, params.delimiter)
    header = next(table, None)
    if header is None:
        raise DataError(f"{path}: the table is empty; its first row must name the columns")
    columns = _columns(header)
    text = _named(params.text, columns, header)
    intent = _named(params.intent, columns, header) if params.intent else _usual("intent", columns)
    entities = _named(params.entities, columns, header) if params.entities else _usual("entities", columns)
    for row in table:
        yield _example(_cells(row, columns), row.where, text=text, intent=intent, entities=entities)


def _columns(header: Row) -> Sequence[str]:
    names = [name.strip() for name in header.cells]
    for position, name in enumerate(names, start=1):
        if not name:
            raise DataError(f"{header.where}: column {position} has no name; the first row must name the columns")
        if names.count(name) > 1:
            raise DataError(f"{header.where}: two columns are called '{name}'; rename one")
    return names


def _named(column: str, columns: Sequence[str], header: Row) -> str:
    if column not in columns:
        hint = did_you_mean(column, columns) + f"columns: {', '.join(columns)}"
        raise DataError(f"{header.where}: there is no column '{column}'; {hint}; name another in data.reader")
    return column


def _usual(column: str, columns: Sequence[str]) -> str | None:
    return column if column in columns else None


def _cells(row: Row, columns: Sequence[str]) -> Mapping[str, str]:
    if len(row.cells) != len(columns):
        said = f"{len(row.cells)} cells, but {len(columns)} columns"
        raise DataError(f"{row.where}: {said}; put a text that holds the delimiter in quotes")
    return dict(zip(columns, row.cells, strict=True))


def _example(cells: Mapping[str, str], where: str, *, text: str, intent: str | None, entities: str | None) -> Example:
    if not cells[text].strip():
        raise DataError(f"{where}: '{text}' is empty; write the utterance or remove the row")
    used = (text, intent, entities)
    return Example(
        text=cells[text],
        intent=(cells[intent].strip() or None) if intent else None,
        entities=parse_entities(cells[entities], cells[text], f"{where}: '{entities}'") if entities else None,
        labels={name: cell for name, cell in cells.items() if name not in used and cell.strip()},
        source=where,
    )
