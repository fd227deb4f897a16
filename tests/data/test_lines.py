"""Lines and records: what everything that reads texts has in common."""

from __future__ import annotations

import io
import os
import threading
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.data import lines
from nlu_kit.data.lines import arriving, is_jsonl, parse_record, record_text, text_lines
from nlu_kit.errors import DataError


def test_detects_by_name_and_only_files(tmp_path: Path) -> None:
    yes = ["B.JSONL", "a.jsonl", "c.json-lines", "d.ndjson", "e.JsonLines"]
    for name in (*yes, "f.json", "g.txt", "jsonl"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "folder.jsonl").mkdir()
    assert sorted(path.name for path in tmp_path.iterdir() if is_jsonl(path)) == yes
    assert not is_jsonl(tmp_path / "absent.jsonl")


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes("\ufeffa\u0085b\u2028c\rd\r\n\nlast".encode())
    assert list(text_lines(file)) == ["a\u0085b\u2028c\rd", "", "last"]


class Pieces:
    """A stream that brings one piece a read, as a pipe does."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = [piece for piece in pieces if piece]

    def read1(self, size: int, /) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""


@given(st.lists(st.binary(max_size=5) | st.sampled_from([b"\n", b"a\n", b"\nb", b"c\n\nd"])))
def test_however_a_stream_is_cut_its_lines_are_the_same(pieces: list[bytes]) -> None:
    found = list(chain.from_iterable(arriving(Pieces(pieces), "x")))
    assert found == [line.removesuffix(b"\n") for line in io.BytesIO(b"".join(pieces))]


def test_a_line_comes_with_the_piece_that_ends_it() -> None:
    assert list(arriving(Pieces([b"a", b"b\nc\nd", b"e", b"\n"]), "x")) == [[b"ab", b"c"], [b"de"]]


def test_a_line_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST", 3 << 20)
    stream = arriving(Pieces([b"a\nb\n", *[b"x" * (1 << 20)] * 4]), "stdin")
    assert next(stream) == [b"a", b"b"]
    with pytest.raises(DataError, match="stdin:3: the line has more than 3 MB; write one utterance a line"):
        next(stream)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_a_files_place_is_refused_rather_than_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.jsonl")
    said: list[str] = []

    def read() -> None:
        try:
            list(text_lines(tmp_path / "x.jsonl"))
        except DataError as error:
            said.append(str(error))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(timeout=10)
    assert said == [
        f"{tmp_path}/x.jsonl: the file can't be read: this is a pipe, not a regular file; name a file of texts"
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"text": ', "f:7: not valid JSON: Expecting value at column 10; each line must be one JSON object"),
        ("[1]", "f:7: expected a JSON object, got a list"),
        ('{"a": 1, "a": 2}', "f:7: the key 'a' occurs twice"),
        ('{"id": 1}', "f:7: the key 'text' is missing (keys here: id)"),
        ('{"text": null}', "f:7: 'text' must be a string, got null"),
    ],
)
def test_what_is_wrong_with_a_record(line: str, says: str) -> None:
    with pytest.raises(DataError) as caught:
        record_text(parse_record(line, "f:7"), "f:7")
    assert str(caught.value).startswith(says)
