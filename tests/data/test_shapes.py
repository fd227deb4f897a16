"""How words are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.data.words import NO_SHAPE, SHAPES, word_shape


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("paris", "lower"),
        ("Paris", "Title"),
        ("I", "Title"),
        ("É", "Title"),
        ("e\u0301cole", "lower"),
        ("NASA", "UPPER"),
        ("U.S.", "UPPER"),
        ("iPhone", "miXed"),
        ("McDonald", "miXed"),
        ("McD", "miXed"),
        ("O'Neil", "miXed"),
        ("東京", "lower"),
        ("मुंबई", "lower"),
        ("7", "digits"),
        ("Ｐａｒｉｓ", "Title"),
        ("ⓝⓐⓢⓐ", "lower"),
        ("①", "digits"),
        ("7:30", "digits"),
        ("٣", "digits"),
        ("7pm", "d1gits and letters"),
        ("B52", "d1gits and letters"),
        ("?", "other"),
        ("😀", "other"),
        ("", "other"),
    ],
)
def test_shape(word: str, shape: str) -> None:
    assert SHAPES[word_shape(word)] == shape


@given(word=st.text(max_size=8))
def test_every_word_has_one(word: str) -> None:
    assert NO_SHAPE < word_shape(word) < len(SHAPES)
    assert type(word_shape(word)) is int


@given(word=st.text(alphabet="abcxyz", min_size=2))
def test_case_alone_decides_for_plain_letters(word: str) -> None:
    found = [SHAPES[word_shape(form)] for form in (word, word.title(), word.upper())]
    assert found == ["lower", "Title", "UPPER"]
