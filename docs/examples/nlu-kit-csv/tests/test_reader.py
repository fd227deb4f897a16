"""Tables to examples, and what is said of tables that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlu_kit.plugin import DataError, Entity, Example
from nlu_kit_csv.params import CsvParams
from nlu_kit_csv.reader import is_csv, read_csv


def table(folder: Path, text: str | bytes, name: str = "table.csv") -> Path:
    file = folder / name
    file.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return file


def read(file: Path, **params: Any) -> list[Example]:
    return list(read_csv(CsvParams(**params), file))


def test_columns_become_what_they_are_called(tmp_path: Path) -> None:
    file = table(tmp_path, "text,intent,entities,stars\nfly to Rome,book,7-11:city,4\nhello,greet,-,\nwhat,,,\n")
    assert read(file) == [
        Example(
            text="fly to Rome",
            intent="book",
            entities=(Entity(start=7, end=11, label="city"),),
            labels={"stars": "4"},
            source=f"{file}:2",
        ),
        Example(text="hello", intent="greet", entities=(), source=f"{file}:3"),
        Example(text="what", source=f"{file}:4"),
    ]


def test_params_name_other_columns_and_the_delimiter(tmp_path: Path) -> None:
    file = table(tmp_path, "spans;utterance;goal;intent\n0-2:word;hi;greet;x\n")
    (example,) = read(file, text="utterance", intent="goal", entities="spans", delimiter=";")
    assert (example.text, example.intent, example.labels) == ("hi", "greet", {"intent": "x"})
    assert example.entities == (Entity(start=0, end=2, label="word"),)


def test_tsv_has_tabs_and_a_table_may_have_texts_only(tmp_path: Path) -> None:
    file = table(tmp_path, "text\nhello, you\n", name="table.TSV")
    assert read(file) == [Example(text="hello, you", source=f"{file}:2")]


def test_quotes_line_breaks_empty_rows_and_a_byte_order_mark(tmp_path: Path) -> None:
    file = table(tmp_path, b'\xef\xbb\xbftext,intent\r\n"a ""b"", c",x\r\n\r\n"two\nlines",y\r\nend\xe2\x80\xa8here,z')
    found = [(example.text, example.intent, example.source) for example in read(file)]
    assert found == [
        ('a "b", c', "x", f"{file}:2"),
        ("two\nlines", "y", f"{file}:4"),
        ("end\u2028here", "z", f"{file}:6"),
    ]


def test_offsets_count_characters(tmp_path: Path) -> None:
    (example,) = read(table(tmp_path, "text,entities\n🙂 in Köln please,10-16:word 5-9:city\n"))
    assert [example.text[e.start : e.end] for e in example.entities or ()] == ["Köln", "please"]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", "", "the table is empty"),
        ("utterance,goal\nhi,greet\n", ":1", "there is no column 'text'; columns: utterance, goal"),
        ("text,text\n", ":1", "two columns are called 'text'"),
        ("text,,x\n", ":1", "column 2 has no name"),
        ("text,intent\nhi,greet\nhi, you,greet\n", ":3", "3 cells, but 2 columns; put a text that holds the delimiter"),
        ("text,intent\nhi\n", ":2", "1 cells, but 2 columns"),
        ("text,intent\n ,greet\n", ":2", "'text' is empty"),
        ('text\n"never closed\nand on\n', ":2", "not a row of a table"),
        ('text\n"closed" too early\n', ":2", "not a row of a table"),
        (b"text\nok\nK\xf6ln\n", ":3", "not UTF-8: byte 0xf6 at position 1"),
        ("text,entities\nRome,0-4\n", ":2", "'entities': '0-4' is no entity; write 16-21:city"),
        ("text,entities\nRome,0-5:city\n", ":2", "0-5 does not fit the text, which has 4 characters"),
        ("text,entities\nRome,3-3:city\n", ":2", "3-3 does not fit the text"),
        ("text,entities\nto Rome,2-7:city\n", ":2", "2-7 is ' Rome': leave out the white space"),
        ("text,entities\nRome,0-4:city 0-4:city\n", ":2", "0-4:city is there twice"),
    ],
)
def test_slips_are_told_with_file_and_line(tmp_path: Path, text: str | bytes, line: str, said: str) -> None:
    file = table(tmp_path, text)
    with pytest.raises(DataError) as caught:
        read(file)
    assert str(caught.value).startswith(f"{file}{line}: ")
    assert said in str(caught.value)


def test_a_column_that_the_params_name_must_be_there(tmp_path: Path) -> None:
    file = table(tmp_path, "text,intent\nhi,greet\n")
    with pytest.raises(DataError, match="there is no column 'intend'; did you mean 'intent'"):
        read(file, intent="intend")


def test_what_is_detected(tmp_path: Path) -> None:
    assert is_csv(table(tmp_path, "text\n"))
    assert is_csv(table(tmp_path, "text\n", name="TABLE.TSV"))
    assert not is_csv(table(tmp_path, "text\n", name="table.txt"))
    (tmp_path / "folder.csv").mkdir()
    assert not is_csv(tmp_path / "folder.csv")
