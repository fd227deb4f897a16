"""Each kind of file gives the same rows; one that is wrong is a row as well."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.errors import DataError, MissingPackageError
from nlu_kit.runtime.rows import Bad, about_how_many, rows_of
from nlu_kit.runtime.texts import Utterance

TEXTS = ["play jazz", "", 'a "quoted", one', "two\nlines", "Zürich, 東京"]


def table(texts: Sequence[str]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream).writerows([["id", "question"], *([n, t] for n, t in enumerate(texts))])
    return stream.getvalue().encode()


def jsonl(texts: Sequence[str]) -> bytes:
    return "".join(json.dumps({"text": text, "id": str(n)}) + "\n" for n, text in enumerate(texts)).encode()


WRITERS: list[tuple[str, Callable[[Sequence[str]], bytes], str | None]] = [
    ("x.csv", table, "question"),
    ("x.csv.gz", lambda texts: gzip.compress(table(texts)), "question"),
    ("x.jsonl", jsonl, None),
    ("x.jsonl.gz", lambda texts: gzip.compress(jsonl(texts)), None),
]


@pytest.mark.parametrize(("name", "write", "column"), WRITERS, ids=[name for name, *_ in WRITERS])
def test_every_kind_gives_the_texts_and_what_is_beside_them(
    name: str, write: Callable[[Sequence[str]], bytes], column: str | None, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(write(TEXTS))
    found = list(rows_of(tmp_path / name, column=column))
    assert found == [Utterance(text=text, given={"id": str(n)}) for n, text in enumerate(TEXTS)]


@pytest.mark.parametrize(
    ("name", "content", "count"),
    [
        ("x.txt", b"a\nb\n", 2),
        ("x.txt", b"a\n\nb", 3),
        ("x.txt", b"", 0),
        ("x.jsonl.gz", gzip.compress(b"{}\n" * 7, mtime=0), 7),
        ("x.csv", b"text\na\nb\n", 2),
        ("x.txt.gz", b"plain", None),
        ("x.parquet", b"no", None),
    ],
)
def test_about_how_many(name: str, content: bytes, count: int | None, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert about_how_many(tmp_path / name) == count
    assert about_how_many(tmp_path) is None


def test_tsv_quotes_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.TSV").write_text('id\ttext\n1\t"weird al" songs\n2\t12" single\n3\t"open\n4\tplay, too\n')
    texts = ['"weird al" songs', '12" single', '"open', "play, too"]
    assert list(rows_of(tmp_path / "x.TSV")) == [
        Utterance(text=text, given={"id": str(n)}) for n, text in enumerate(texts, start=1)
    ]


def test_parquet(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {"text": [*TEXTS, None], "n": list(range(6))}
    parquet.write_table(pyarrow.table(columns), tmp_path / "x.parquet")
    assert about_how_many(tmp_path / "x.parquet") == 6
    *found, last = rows_of(tmp_path / "x.parquet")
    assert found == [Utterance(text=text, given={"n": n}) for n, text in enumerate(TEXTS)]
    assert last == Bad(6, f"{tmp_path / 'x.parquet'}:6: 'text' must be a string, got null")


def test_parquet_that_is_not_utf_8(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    texts = pyarrow.array([b"good", b"cut \xf4", b"good"]).view(pyarrow.string())
    parquet.write_table(pyarrow.table({"text": texts}), tmp_path / "x.parquet")
    before, wrong, after = rows_of(tmp_path / "x.parquet")
    assert before == after == Utterance(text="good")
    assert isinstance(wrong, Bad)
    assert wrong.reason.startswith(f"{tmp_path / 'x.parquet'}:2: the column 'text' can't be read: 'utf-8' codec")


def test_parquet_with_a_column_twice(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table([["a"], ["b"]], names=["text", "text"])
    parquet.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"x\.parquet: the column 'text' occurs twice"):
        list(rows_of(tmp_path / "x.parquet"))


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(MissingPackageError, match=r'pip install "nlu-kit\[parquet\]"'):
        next(rows_of(tmp_path / "x.parquet"))


def test_lines(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"\xef\xbb\xbfa\r\n\nb\xe2\x80\xa8c")
    assert list(rows_of(tmp_path / "x.txt")) == [Utterance(text=text) for text in ("a", "", "b\u2028c")]


@given(texts=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\0")), max_size=6))
def test_any_text_comes_out_of_a_table_as_it_went_in(texts: list[str], tmp_path_factory: Any) -> None:
    file = tmp_path_factory.mktemp("table") / "x.csv"
    file.write_bytes(table(texts))
    assert [row.text for row in rows_of(file, column="question") if isinstance(row, Utterance)] == texts


@pytest.mark.parametrize(
    ("name", "content", "line", "reason"),
    [
        ("x.jsonl", b'{"text": "a"}\n{\n{"text": "b"}\n', 2, "not valid JSON"),
        ("x.txt", b"a\n\xff\nb\n", 2, "not UTF-8: byte 0xff"),
        ("x.csv", b"text,id\na,1\nb\nc,3\n", 3, "1 fields, and the header names 2"),
        ("x.csv", b"text,id\na,1\n\xff,2\nc,3\n", 3, "not UTF-8"),
        ("x.csv", b'text\na\n"b"x\nc\n', 3, "a quote opens here and isn't closed where its field ends"),
        ("x.csv", b'id,text\n1,a\n2,"can you\n3,c\n', 3, "a quote opens here and isn't closed where its field ends"),
        ("x.csv", b"text\na\n" + b"b" * 200_000 + b"\nc\n", 3, "field larger than field limit"),
    ],
)
def test_a_wrong_row_has_its_place_and_those_around_it_come(
    name: str, content: bytes, line: int, reason: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    before, wrong, after = rows_of(tmp_path / name)
    assert isinstance(before, Utterance)
    assert isinstance(after, Utterance)
    assert isinstance(wrong, Bad)
    assert wrong.line == line
    assert wrong.reason.startswith(f"{tmp_path / name}:{line}: {reason}")


@pytest.mark.parametrize(
    ("name", "content", "column", "reason"),
    [
        ("x.csv", b"a,b\n1,2\n", None, "has no column 'text' (columns: a, b); name the one with the texts by --column"),
        ("x.csv", b"", None, "has no column 'text' (columns: none)"),
        ("x.csv", b"text,text\n1,2\n", None, "the column 'text' occurs twice"),
        ("x.csv", b'"text"x\n', None, "no header can be read"),
        ("x.csv", b"text,\xff\na,1\n", None, "not UTF-8; write the file as UTF-8"),
        ("x.csv.gz", gzip.compress(b"text\n" + bytes(65 << 20), mtime=0), None, "the line has more than 64 MB"),
        ("x.txt", b"a\n", "a", "has no columns: --column is for csv, tsv and parquet"),
        ("x.jsonl.gz", gzip.compress(b'{"text": "a"}\n', mtime=0)[:-9], None, "the file can't be read"),
        ("x.txt.gz", b"plain", None, "the file can't be read: Not a gzipped file"),
        ("x.parquet", b"PAR1 no", None, "the file can't be read as parquet"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole(
    name: str, content: bytes, column: str | None, reason: str, tmp_path: Path
) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as raised:
        list(rows_of(tmp_path / name, column=column))
    assert str(raised.value).startswith(str(tmp_path / name))
    assert reason in str(raised.value)
