"""Tables row by row: what quotes mean, and what a quote costs that is never closed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.data.tables import MOST_LINES, table_rows
from nlu_kit.errors import DataError
from nlu_kit.runtime.rows import Bad, rows_of
from nlu_kit_objectives.pairs import PairFile

OPEN = "a quote opens here and isn't closed"


def rows(text: str, separator: str = ",") -> list[Sequence[str] | int]:
    """The fields of each row, or the line that is wrong."""
    return [row.line if row.wrong else row.fields for row in table_rows(text.splitlines(keepends=True), separator)]


def plays(count: int, **others: str) -> str:
    """A table of so many rows; ``others`` by their number: ``_3`` is that of line 5."""
    return "id,text\n" + "".join(others.get(f"_{n}", f"{n},play {n}") + "\n" for n in range(count))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('a,b\n1,"x, ""y"""\n\n2,12" single\n', [["a", "b"], ["1", 'x, "y"'], ["2", '12" single']]),
        ('a,b\n1,"two, and\n\na blank one"\n2,c', [["a", "b"], ["1", "two, and\n\na blank one"], ["2", "c"]]),
        ('a,b\r\n1,"two\r\nlines"\r\n2\r\n', [["a", "b"], ["1", "two\r\nlines"], ["2"]]),
        ('a,b\n1,"open\n2,c\n3,d\n', [["a", "b"], 2, ["2", "c"], ["3", "d"]]),
        ('a,b\n1,"open\n2,"right, so"\n3,d\n', [["a", "b"], 2, ["2", "right, so"], ["3", "d"]]),
        ('a,b\n1,"open\n2,"open\n3,d\n', [["a", "b"], 2, 3, ["3", "d"]]),
        ('a,b\n"two\nlines",x\n1,"weird al" songs\n2,c\n', [["a", "b"], ["two\nlines", "x"], 4, ["2", "c"]]),
        ('a,b\n"two\nlines","open\n2,c\n', [["a", "b"], 3, ["2", "c"]]),
        ('a,b\n1,"open\n2,the 12",\n3,d\n', [["a", "b"], ["1", "open\n2,the 12", ""], ["3", "d"]]),
        ('a,b\n1,"open\n2,12",c\n3,d"\n', [["a", "b"], ["1", "open\n2,12", "c"], ["3", 'd"']]),
        ('a,b,c\n1,2,"open\n2,3,12",c\n', [["a", "b", "c"], ["1", "2", "open\n2,3,12", "c"]]),
        ('a,b\n1,c\n2,"', [["a", "b"], ["1", "c"], 3]),
        ('"a\nb,c\nd\n', [1, ["b", "c"], ["d"]]),
        ("", []),
    ],
)  # fmt: skip
def test_quotes_in_csv(text: str, found: list[Sequence[str] | int]) -> None:
    assert rows(text) == found


@pytest.mark.parametrize(
    ("others", "wrong"),
    [
        ({"_3": '3,"can you play that'}, [5]),  # never closed
        ({"_3": '3,"can you play that', "_60": '60,the 12"'}, [5]),  # closed by chance, and every line between is a row
        ({"_3": '3,"can you', "_40": "", "_60": '60,the 12"'}, [5]),  # ... or nearly every
        ({"_3": '"can you, 3', "_60": 'the 12",60'}, [5]),
        ({"_3": '3,"can you', "_4": '4,"too', "_9": '9,"so, right"', "_90": '90,"weird al" songs'}, [5, 6, 92]),
        ({"_99": '99,"the last'}, [101]),
        ({"_3": '3,"a', **{f"_{n}": f'{n}","b' for n in range(4, 90)}}, [*range(5, 92)]),  # each closes and opens one
    ],
)
def test_a_quote_left_open_costs_its_own_row(others: dict[str, str], wrong: list[int]) -> None:
    found = rows(plays(100, **others))
    assert [row for row in found if isinstance(row, int)] == wrong
    assert len(found) == 101 - list(others.values()).count("")


def test_a_column_alone() -> None:
    lines = ["text", *(f"play {n}" for n in range(5000))]
    lines[7], lines[500] = '"open', 'the 12"'
    found = rows("".join(f"{line}\n" for line in lines))
    assert (len(found), found[7]) == (5001, 8)


def test_a_row_has_so_many_lines_at_most() -> None:
    text = "\n".join(["a line, and, more"] * (MOST_LINES + 1))
    found = rows(f'a,b\n1,"{text}"\n2,"{text[:200]}"\n')
    assert found[1] == 2
    assert found[-1] == ["2", text[:200]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('a\tb\n1\t"weird al" songs\n2\t12" single\r\n\n3\t"open\n4\tc', [["a", "b"], ["1", '"weird al" songs'],
         ["2", '12" single'], ["3", '"open'], ["4", "c"]]),
        ("a\tb\n1\n2\t\t\n", [["a", "b"], ["1"], ["2", "", ""]]),
        ("a\n1, 2\n", [["a"], ["1, 2"]]),
    ],
)  # fmt: skip
def test_tsv_quotes_nothing(text: str, found: list[Sequence[str] | int]) -> None:
    assert rows(text, "\t") == found


@given(st.lists(st.sampled_from(["a", ",", '"', "\n", "a,b\n", '1,"', '"\n']), max_size=40))
def test_no_line_is_lost_however_broken(pieces: list[str]) -> None:
    """Every line is in a row, and in one only: what is joined has as many line breaks as it should."""
    lines = "".join(pieces).splitlines(keepends=True)
    at = 1
    for row in table_rows(lines, ","):
        assert row.line >= at
        assert row.wrong or all(line == "\n" for line in lines[at - 1 : row.line - 1]), "only blank lines are left out"
        at = row.line + 1 + sum(field.count("\n") for field in row.fields)
    assert all(line == "\n" for line in lines[at - 1 :])


TABLES = {
    "x.csv": 'sentence1,sentence2,score\na,"b, ""c""",5\nd,"open,4\n"e\nf",g,3\n',
    "x.tsv": 'sentence1\tsentence2\tscore\na\t"b" c\t5\nd\t"open\t4\n12" single\tg\t3\n',
}


@pytest.mark.parametrize("name", TABLES)
def test_pairs_and_predictions_read_the_same(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / name).write_text(TABLES[name], encoding="utf-8")
    found = list(rows_of(tmp_path / name, column="sentence2"))
    file = PairFile(tmp_path / name)
    good = [row for row in found if not isinstance(row, Bad)]
    assert [pair.second for pair in file.pairs()] == [row.text for row in good]
    assert len(found) == 3
    assert file.dropped.total() == len(found) - len(good)
    for row in found:
        if isinstance(row, Bad):
            assert row.reason.startswith(f"{tmp_path / name}:3: {OPEN}")
            assert f"{row.reason}; such rows are left out" in caplog.text


def test_pairs_that_begin_with_an_open_quote(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text('sentence1,"sentence2,score\na,b,5\n', encoding="utf-8")
    with pytest.raises(DataError, match=rf"x\.csv:1: {OPEN}"):
        list(PairFile(tmp_path / "x.csv").pairs())
