"""Sentences written by hand: intents after #, entities in brackets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.data.example import Entity, Example
from nlu_kit.errors import DataError
from nlu_kit_readers import TextParams
from nlu_kit_readers.marked import _unmarked, is_marked_text, read_marked_text

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: str, name: str = "sentences.txt") -> Path:
        file = tmp_path / name
        file.write_text(content, encoding="utf-8")
        return file

    return written


def test_what_a_file_says(write: Write) -> None:
    file = write("# transfer\n\nsend [50 euros](amount) to [Anna](person)\n  pay  up \n#  block card \nblock my card\n")
    read = list(read_marked_text(TextParams(), file))
    amount, person = Entity(start=5, end=13, label="amount"), Entity(start=17, end=21, label="person")
    assert read == [
        Example(text="send 50 euros to Anna", intent="transfer", entities=(amount, person), source=f"{file}:3"),
        Example(text="pay  up", intent="transfer", entities=(), source=f"{file}:4"),
        Example(text="block my card", intent="block card", entities=(), source=f"{file}:6"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# greet\nhi [](name)\n", r":2: \[\]\(name\) marks nothing"),
        ("# greet\nhi [Anna]( )\n", r":2: \[Anna\]\( \) marks nothing"),
        ("# greet\nhi [Anna\n", r":2: brackets that mark no entity"),
        ("# greet\nhi [Anna] (name)\n", r":2: brackets that mark no entity"),
        ("# greet\nhi [[Anna](name)](other)\n", r":2: brackets that mark no entity"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(write: Write, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(read_marked_text(TextParams(), write(content)))


@pytest.mark.parametrize(
    ("name", "content", "recognised"),
    [
        ("a.txt", "\n# greet\nhi\n", True),
        ("a.txt", "hi\n# greet\n", True),
        ("a.txt", "to [Rome](city)\n", True),
        ("a.txt", "hi\n[hello]\n", False),
        ("a.txt", "#hashtag\n", False),
        ("a.txt", "", False),
        ("a.md", "# greet\nhi\n", False),
    ],
)
def test_which_files_it_recognises(write: Write, name: str, content: str, recognised: bool) -> None:
    assert is_marked_text(write(content, name)) == recognised


_WORDS = st.text(st.characters(exclude_characters="[]()#\n\r", exclude_categories=["Cs", "Cc"]), min_size=1).map(
    str.strip
)


@given(st.lists(st.tuples(_WORDS.filter(bool), st.sampled_from(["", "city", "date"])), min_size=1, max_size=6))
def test_spans_are_what_was_marked(parts: list[tuple[str, str]]) -> None:
    line = " ".join(f"[{words}]({label})" if label else words for words, label in parts)
    text, entities = _unmarked(line, "here")
    assert text == " ".join(words for words, _ in parts)
    marked = [(words, label) for words, label in parts if label]
    assert [(text[entity.start : entity.end], entity.label) for entity in entities] == marked
