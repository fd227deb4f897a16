"""Files of sentence pairs: STS-B, QQP and MSRP as they are published, and JSON lines.

What a row says of its two sentences is a score in [0, 1], or whether they mean the same, or both are open and a third
sentence means something else (a triplet). Rows that say nothing usable are counted by reason.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlu_kit.plugin import DataError, is_jsonl, parse_record, text_lines


@dataclass(frozen=True, slots=True)
class Pair:
    """``score`` is how alike they are, from 0 to 1; ``same`` whether they mean the same; None where it is not said.
    ``other``: a sentence that means something else than ``first``."""

    first: str
    second: str
    score: float | None = None
    same: bool | None = None
    other: str | None = None


Row = Mapping[str, Any]
_FIRST = ("sentence1", "question1", "text1", "#1 String", "anchor", "query")
_SECOND = ("sentence2", "question2", "text2", "#2 String", "positive")
_OTHER = ("negative",)
_SCORE = ("score", "similarity", "similarity_score")
_SAME = ("is_duplicate", "duplicate", "Quality", "label", "same")
_ALLOWED = (
    "allowed: a csv of sentence, sentence, score (STS-B), or a header with two of "
    f"{', '.join(_FIRST[:4])} and {', '.join(_SECOND[:4])} and one of {', '.join([*_SCORE[:1], *_SAME[:3]])}; in JSON "
    "lines also anchor, positive, negative"
)


class PairFile:
    """One file's pairs, and how many rows were dropped, by reason."""

    def __init__(self, path: Path, *, highest_score: float) -> None:
        self.path, self.highest = path, highest_score
        self.dropped: Counter[str] = Counter()

    def pairs(self) -> Iterator[Pair]:
        """Raises DataError for a file that can't be read, or whose columns are no known ones."""
        for where, row in self._rows():
            try:
                yield self._pair(row, where)
            except _DroppedError as error:
                self.dropped[str(error)] += 1

    def _rows(self) -> Iterator[tuple[str, Row]]:
        if is_jsonl(self.path):
            for number, line in enumerate(text_lines(self.path), start=1):
                where = f"{self.path}:{number}"
                if line.strip():
                    record = parse_record(line, where)
                    _check_columns(list(record), where)
                    yield where, record
            return
        lines = text_lines(self.path)
        first = next(lines, None)
        if first is None:
            raise DataError(f"{self.path} is empty")
        separator = "\t" if "\t" in first else ","
        # Published tsv files quote nothing, and have quotation marks in their sentences.
        quoting: Any = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
        rows = csv.reader(_with_breaks(first, lines), delimiter=separator, quoting=quoting)
        header = next(rows)
        if len(header) == 3 and _number(header[2]) is not None:
            names: Sequence[str] = ("sentence1", "sentence2", "score")
            yield f"{self.path}:1", dict(zip(names, header, strict=True))
        else:
            names = header
            _check_columns(names, f"{self.path}:1")
        try:
            for row in rows:
                where = f"{self.path}:{rows.line_num}"
                if len(row) < len(names):
                    self.dropped[f"fewer than {len(names)} columns"] += 1
                    continue
                yield where, dict(zip(names, row, strict=False))
        except csv.Error as error:
            raise DataError(f"{self.path}:{rows.line_num}: {error}") from error

    def _pair(self, row: Row, where: str) -> Pair:
        first, second = (_text(row, names, where) for names in (_FIRST, _SECOND))
        other = _text(row, _OTHER, where) if _given(row, _OTHER) is not None else None
        score = _score(_given(row, _SCORE), self.highest)
        same = _same(_given(row, _SAME))
        if "anchor" in row or "positive" in row:
            same = True
        if score is None and same is None:
            raise _DroppedError("without score and label")
        return Pair(first, second, score, same, other)


class _DroppedError(Exception):
    """A row that can't be used; says why."""


def _with_breaks(first: str, rest: Iterator[str]) -> Iterator[str]:
    """Lines as the csv module wants them, for sentences that have line breaks inside."""
    yield first + "\n"
    for line in rest:
        yield line + "\n"


def _check_columns(names: Sequence[str], where: str) -> None:
    known: Callable[[Sequence[str]], bool] = lambda wanted: any(name in names for name in wanted)  # noqa: E731
    triplet = "anchor" in names and "positive" in names
    if not known(_FIRST) or not known(_SECOND) or not (triplet or known(_SCORE) or known(_SAME)):
        raise DataError(
            f"{where}: no known layout of pairs, the columns are {', '.join(map(str, names))[:200]}; {_ALLOWED}"
        )


def _given(row: Row, names: Sequence[str]) -> Any:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def _text(row: Row, names: Sequence[str], where: str) -> str:
    text = _given(row, names)
    if text is None or (isinstance(text, str) and not text.strip()):
        raise _DroppedError("empty sentence")
    if not isinstance(text, str):
        raise DataError(f"{where}: a sentence must be a text, got {text!r}")
    return " ".join(text.split())


def _number(text: Any) -> float | None:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _score(given: Any, highest: float) -> float | None:
    if given is None:
        return None
    value = _number(given)
    if value is None:
        raise _DroppedError("score that is no number")
    if not 0 <= value <= highest:
        raise _DroppedError(f"score outside 0 to {highest:g}")
    return value / highest


def _same(given: Any) -> bool | None:
    if given is None or isinstance(given, bool):
        return given
    value = _number(given)
    if value not in (0.0, 1.0):
        raise _DroppedError("label that is neither 0 nor 1")
    return bool(value)
