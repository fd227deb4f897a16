"""Files of sentence pairs: STS-B, QQP and MSRP as they are published, and JSON lines.

What a row says of its two sentences is a score in [0, 1], or whether they mean the same, or both are open and a third
sentence means something else (a triplet). Rows that say nothing usable are counted by reason.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from nlu_kit.plugin import DataError, TableRow, is_jsonl, parse_record, table_rows, text_lines

_log = logging.getLogger("nlu_kit")


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
_OUT_OF = 5.0
"""The highest score of STS-B and its kin."""
_LOW = 0.8
"""The share of the highest score up to which no pair of a file means quite the same."""
_WRONG = "row that can't be read"
_NO_LABEL = "label that is neither 0 nor 1"
_ALLOWED = (
    "allowed: a csv of sentence, sentence, score (STS-B), or a header with two of "
    f"{', '.join(_FIRST[:4])} and {', '.join(_SECOND[:4])} and one of {', '.join([*_SCORE[:1], *_SAME[:3]])}; in JSON "
    "lines also anchor, positive, negative"
)


class PairFile:
    """One file's pairs, and how many rows were dropped, by reason. Without ``highest_score``, scores that go no higher
    than 1 are out of 1, and others out of 5."""

    def __init__(self, path: Path, *, highest_score: float | None = None) -> None:
        self.path, self.highest = path, highest_score
        self.dropped: Counter[str] = Counter()

    def pairs(self) -> Iterator[Pair]:
        """Raises DataError for a file that can't be read, whose columns are no known ones, or whose scale is not."""
        read = list(self._as_written())
        highest = self._highest([pair.score for pair in read if pair.score is not None])
        for pair in read:
            if pair.score is None:
                yield pair
            elif 0 <= pair.score <= highest:
                yield replace(pair, score=pair.score / highest)
            else:
                self.dropped[f"score outside 0 to {highest:g}"] += 1

    def _highest(self, scores: Sequence[float]) -> float:
        """The score of sentences that mean the same."""
        seen = max(scores, default=0.0)
        highest = self.highest
        if highest is None:
            if seen > _OUT_OF:
                raise DataError(
                    f"{self.path}: a score is {seen:g}, and without highest_score none may be above {_OUT_OF:g}; set "
                    "highest_score to the score of sentences that mean the same"
                )
            highest = 1.0 if seen <= 1 else _OUT_OF
            if scores and highest == 1:
                _log.warning("%s: no score is above 1, so 1 counts as the highest; highest_score sets it", self.path)
        if scores and seen <= _LOW * highest:
            _log.warning(
                "%s: the highest score is %g of %g, so no two sentences count as meaning quite the same; if these do, "
                "set highest_score",
                self.path,
                seen,
                highest,
            )
        return highest

    def _as_written(self) -> Iterator[Pair]:
        """With scores as the file has them."""
        labelled = 0
        for where, row in self._rows():
            try:
                pair = _pair(row, where)
            except _DroppedError as error:
                self.dropped[str(error)] += 1
            else:
                labelled += pair.same is not None
                yield pair
        if self.dropped[_NO_LABEL] > labelled > 0:
            raise DataError(
                f"{self.path}: more labels are neither 0 nor 1 than are; if they say how alike the sentences are, call "
                f"the column '{_SCORE[0]}'"
            )

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
        table = table_rows((f"{line}\n" for line in chain([first], lines)), "\t" if "\t" in first else ",")
        yield from self._table(next(table, TableRow(1)), table)

    def _table(self, header: TableRow, table: Iterator[TableRow]) -> Iterator[tuple[str, Row]]:
        where, names = f"{self.path}:{header.line}", header.fields
        if header.wrong:
            raise DataError(f"{where}: {header.wrong}")
        if len(names) == 3 and _number(names[2]) is not None:
            names = ("sentence1", "sentence2", "score")
            yield where, dict(zip(names, header.fields, strict=True))
        else:
            _check_columns(names, where)
        for row in table:
            if row.wrong:
                if not self.dropped[_WRONG]:
                    _log.warning("%s:%d: %s; such rows are left out", self.path, row.line, row.wrong)
                self.dropped[_WRONG] += 1
            elif len(row.fields) < len(names):
                self.dropped[f"fewer than {len(names)} columns"] += 1
            else:
                yield f"{self.path}:{row.line}", dict(zip(names, row.fields, strict=False))


def _pair(row: Row, where: str) -> Pair:
    """With the score as it is written. Raises _DroppedError, and DataError for a sentence that is no text."""
    first, second = (_text(row, names, where) for names in (_FIRST, _SECOND))
    other = _text(row, _OTHER, where) if _given(row, _OTHER) is not None else None
    score = _score(_given(row, _SCORE))
    same = _same(_given(row, _SAME))
    if "anchor" in row or "positive" in row:
        same = True
    if score is None and same is None:
        raise _DroppedError("without score and label")
    return Pair(first, second, score, same, other)


class _DroppedError(Exception):
    """A row that can't be used; says why."""


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


def _score(given: Any) -> float | None:
    if given is None:
        return None
    value = _number(given)
    if value is None:
        raise _DroppedError("score that is no number")
    return value


def _same(given: Any) -> bool | None:
    if given is None or isinstance(given, bool):
        return given
    value = _number(given)
    if value not in (0.0, 1.0):
        raise _DroppedError(_NO_LABEL)
    return bool(value)
