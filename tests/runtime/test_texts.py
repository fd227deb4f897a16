"""One utterance a line, and what was read before a broken line comes first. No torch."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.data.prediction import LabelPrediction, Prediction
from nlu_kit.errors import DataError
from nlu_kit.runtime.rows import rows_of, utterances
from nlu_kit.runtime.texts import (
    BATCH,
    Utterance,
    answer,
    batches,
    from_stream,
    plain_line,
    record_line,
)

LINES = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\ufeff")), min_size=1)


def from_file(path: Path, parse: Any) -> Iterator[list[Utterance]]:
    return batches(utterances(rows_of(path, jsonl=parse is record_line)))


def drained(found: Iterator[list[Utterance]]) -> tuple[list[Utterance], str]:
    """(what came, what the error said in the end)."""
    utterances: list[Utterance] = []
    try:
        for batch in found:
            assert 0 < len(batch) <= BATCH
            utterances += batch
    except DataError as error:
        return utterances, str(error)
    return utterances, ""


@given(LINES, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_line_n_is_utterance_n(lines: list[str], end: str, jsonl: bool) -> None:
    written = [json.dumps({"text": line, "n": n}) for n, line in enumerate(lines)] if jsonl else lines
    stream = io.BytesIO("".join(line + end for line in written).encode())
    found, error = drained(from_stream(stream, "stdin", record_line if jsonl else plain_line))
    assert error == ""
    assert [utterance.text for utterance in found] == lines
    assert not jsonl or [utterance.given["n"] for utterance in found] == list(range(len(lines)))


@pytest.mark.parametrize("parse", [plain_line, record_line])
def test_blank_lines_are_empty_texts(parse: Any, tmp_path: Path) -> None:
    content = b'{"text": "a"}\n\n  \n{"text": ""}\n\n'
    file = tmp_path / "x.any"
    file.write_bytes(content)
    found, _ = drained(from_file(file, parse))
    assert drained(from_stream(io.BytesIO(content), "x", parse))[0] == found
    assert len(found) == 5
    assert [utterance.text for utterance in found[1:3]] == ["", "  "]


@pytest.mark.parametrize(
    ("line", "parse", "says"),
    [
        (b"\xff", plain_line, "not UTF-8: byte 0xff at position 0 of the line"),
        (b'{"text": \xff}', record_line, "not UTF-8: byte 0xff at position 9 of the line"),
        (b"{", record_line, "not valid JSON"),
        (b'"a"', record_line, "expected a JSON object, got a string"),
        (b'{"txt": "a"}', record_line, "the key 'text' is missing (keys here: txt)"),
    ],
)
@pytest.mark.parametrize("before", [0, 1, BATCH, BATCH + 1])
def test_what_comes_before_a_broken_line_comes(before: int, line: bytes, parse: Any, says: str, tmp_path: Path) -> None:
    content = b'{"text": "a"}\n' * before + line + b'\n{"text": "b"}\n'
    (tmp_path / "x").write_bytes(content)
    for name, found in (
        ("stdin", from_stream(io.BytesIO(content), "stdin", parse)),
        (str(tmp_path / "x"), from_file(tmp_path / "x", parse)),
    ):
        read, error = drained(found)
        assert len(read) == before
        assert error.startswith(f"{name}:{before + 1}: {says}")


def test_a_stream_that_cannot_be_read() -> None:
    class Broken(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    assert drained(from_stream(Broken(), "stdin", plain_line)) == ([], "stdin can't be read: Input/output error")


def test_batches_are_full() -> None:
    sizes = [len(batch) for batch in batches(Utterance(text=str(n)) for n in range(2 * BATCH + 1))]
    assert sizes == [BATCH, BATCH, 1]


def test_what_was_given_stays_beside_the_prediction() -> None:
    prediction = Prediction(
        text="a", truncated=False, fields={"intent": LabelPrediction(name="x", confidence=0.5), "mood": 1}
    )
    given = {"id": 7, "intent": "gold", "truncated": "mine", "note": None, "input": [1], "mood": 2}
    found = answer(prediction, Utterance(text="a", given=given))
    assert found == {
        **prediction.to_json(),
        "id": 7,
        "note": None,
        "input": {"intent": "gold", "truncated": "mine", "input": [1], "mood": 2},
    }
    assert answer(prediction, Utterance(text="a")) == prediction.to_json()
