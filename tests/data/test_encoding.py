"""Words and offsets: whatever the text and the tokenizer, every word is a slice of the raw text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers.models import Unigram

from nlu_kit.data.encoding import NO_WORD, Encoding, Tokenizer, find_words
from nlu_kit.data.shapes import NO_SHAPE, SHAPES, word_shape
from nlu_kit.errors import ModelError

ODD = "aZé́İıß7?!.,'-_ \t\n\u00a0\u200b\u200d\ufe0f\x00😀🏽東京िक्ﬁ[]"
texts = st.one_of(
    st.text(max_size=40),
    st.text(alphabet=ODD, max_size=25),
    st.lists(
        st.sampled_from(["Paris?", "[SEP]", "[CLS]", "<s>", "table", "  ", "don't", "e\u0301", "👍🏽", "7:30"]),
        max_size=8,
    ).map(" ".join),
)


def words(encoding: Encoding) -> list[str]:
    return [encoding.text[word.start : word.end] for word in encoding.words]


@settings(max_examples=300, deadline=None)
@given(text=texts)
def test_words_are_ordered_slices_at_real_tokens(tokenizer: Tokenizer, text: str) -> None:
    encoding = tokenizer.encode([text])[0]
    assert encoding.text == text
    assert len(encoding) == len(encoding.ids) <= 128
    end, token = 0, 0  # the special token at the start
    for word in encoding.words:
        piece = text[word.start : word.end]
        assert piece
        assert piece == piece.strip()
        assert end <= word.start < word.end <= len(text)
        assert token < word.token < len(encoding) - 1  # the last one is special too
        end, token = word.end, word.token


@settings(max_examples=100, deadline=None)
@given(text=st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1, max_size=12))
def test_every_letter_of_a_text_is_in_a_word(tokenizer: Tokenizer, text: str) -> None:
    encoding = tokenizer.encode([f"ab {text} ba"])[0]
    covered = {position for word in encoding.words for position in range(word.start, word.end)}
    missing = {position for position, character in enumerate(encoding.text) if not character.isspace()} - covered
    assert not missing


@pytest.mark.parametrize("typed", ["[SEP]", "[CLS]", "[PAD]", "[MASK]", "<s>", "</s>", "<pad>"])
def test_special_tokens_that_a_user_types_are_text(tokenizer: Tokenizer, typed: str) -> None:
    encoding = tokenizer.encode([f"go {typed} on{typed}"])[0]
    assert "".join(words(encoding)) == f"go{typed}on{typed}"  # nothing is swallowed as a special token
    first, *inner, last = encoding.ids
    raw = tokenizer._raw
    specials = {raw.token_to_id(token) for token in (typed, "<s>", "</s>", "[CLS]", "[SEP]")} - {None}
    assert {first, last} <= specials
    if not isinstance(raw.model, Unigram):  # a Unigram model finds its own specials in any text: they are its pieces
        assert len(inner) > 4
        assert not specials & set(inner)


@settings(max_examples=200, deadline=None)
@given(text=texts)
def test_words_share_out_the_tokens(tokenizer: Tokenizer, text: str) -> None:
    """Subwords of a word are consecutive tokens, and each token says of which word it is."""
    encoding = tokenizer.encode([text])[0]
    assert len(encoding.token_words) == len(encoding.token_shapes) == len(encoding)
    stop = 0
    for number, word in enumerate(encoding.words):
        assert stop <= word.token < word.stop <= len(encoding)
        assert set(encoding.token_words[word.token : word.stop]) == {number}
        assert set(encoding.token_shapes[word.token : word.stop]) == {word_shape(text[word.start : word.end])}
        stop = word.stop
    inside = sum(word.stop - word.token for word in encoding.words)
    assert (
        (encoding.token_words == NO_WORD).sum() == (encoding.token_shapes == NO_SHAPE).sum() == len(encoding) - inside
    )
    assert encoding.token_words[0] == encoding.token_words[-1] == NO_WORD  # the special tokens


def test_subwords_and_shapes_by_hand(minilm: Tokenizer) -> None:
    encoding = minilm.encode(["Wow, a Gewurztraminer at 7pm!"])[0]
    word = encoding.words[3]
    assert encoding.text[word.start : word.end] == "Gewurztraminer"
    assert word.stop - word.token > 2
    numbers, shapes = encoding.token_words.tolist(), [SHAPES[shape] for shape in encoding.token_shapes]
    assert sorted(set(numbers)) == [NO_WORD, 0, 1, 2, 3, 4, 5, 6]
    assert [shapes[word.token] for word in encoding.words] == [
        "Title",
        "other",
        "lower",
        "Title",
        "lower",
        "d1gits and letters",
        "other",
    ]
    assert shapes[0] == shapes[-1] == "no word"


def test_a_text_without_words_has_tokens_of_none(tokenizer: Tokenizer) -> None:
    encoding = tokenizer.encode([" "])[0]
    assert encoding.words == ()
    assert set(encoding.token_words) == {NO_WORD}
    assert encoding.token_words.dtype == encoding.token_shapes.dtype == np.int64


def test_there_is_no_padding(tokenizer: Tokenizer) -> None:
    short, long = tokenizer.encode(["hi", "book a table in Paris for two people"])
    assert len(short) < len(long) < 128


@settings(max_examples=100, deadline=None)
@given(text=texts)
def test_truncation_is_flagged_where_the_text_is_longer(pair: tuple[Tokenizer, Tokenizer], text: str) -> None:
    short, whole = (tokenizer.encode([text])[0] for tokenizer in pair)
    assert short.truncated == (len(whole) > 8)
    assert len(short) == min(len(whole), 8)
    assert not whole.truncated
    kept = len(short.words)
    assert short.words[:-1] == whole.words[: max(kept - 1, 0)]  # only the last word can be cut
    assert all(word.token < 7 for word in short.words)


@pytest.fixture(scope="module")
def pair(make_tokenizer: Callable[..., Tokenizer]) -> tuple[Tokenizer, Tokenizer]:
    return make_tokenizer(max_length=8), make_tokenizer(max_length=100_000)


def test_a_question_mark_is_a_word_of_its_own(tokenizer: Tokenizer) -> None:
    assert words(tokenizer.encode(["a table in Paris?"])[0]) == ["a", "table", "in", "Paris", "?"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("café noir", ["café", "noir"]),
        ("cafe\u0301 noir", ["cafe\u0301", "noir"]),  # the accent is a character of its own
        ("in  Paris ", ["in", "Paris"]),
        ("\tin\nParis", ["in", "Paris"]),
        ("İstanbul yes", ["İstanbul", "yes"]),
        ("fly 😀 now", ["fly", "😀", "now"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_raw_offsets_survive_normalisation(tokenizer: Tokenizer, text: str, expected: list[str]) -> None:
    assert words(tokenizer.encode([text])[0]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("東京へ", ["東", "京", "へ"]),
        ("in Pa\u200bris\u200b now", ["in", "Pa\u200bris", "now"]),  # zero-width space
        ("न्यूयॉर्क जाना", ["न्यूयॉर्क", "जाना"]),
        ("ﬁne", ["ﬁne"]),
        ("don't", ["don", "'", "t"]),
    ],
)
def test_minilm_words(minilm: Tokenizer, text: str, expected: list[str]) -> None:
    assert words(minilm.encode([text])[0]) == expected


def test_a_lone_surrogate_is_encoded_like_an_unknown_character(tokenizer: Tokenizer) -> None:
    broken, replaced = tokenizer.encode(["go \udcff now", "go \ufffd now"])
    assert broken.text == "go \udcff now"
    assert broken.ids == replaced.ids
    assert words(broken)[0] == "go"
    assert words(broken)[-1] == "now"


def test_order_is_kept(tokenizer: Tokenizer) -> None:
    many = [f"table {number}" for number in range(20)]
    assert [encoding.text for encoding in tokenizer.encode(many)] == many
    assert tokenizer.encode([]) == []


def test_find_words_where_bytes_share_a_character() -> None:
    # "é?" as byte-level tokens: two bytes of é, then the question mark, all one word to the tokenizer.
    found = find_words("é?", [(0, 0), (0, 1), (0, 1), (1, 2), (0, 0)], [None, 0, 0, 0, None])
    assert [(word.token, word.stop, word.start, word.end) for word in found] == [(1, 3, 0, 1), (3, 4, 1, 2)]


def test_find_words_without_pre_tokenizer() -> None:
    # Everything is word 0; white space is a token or a part of one.
    found = find_words("in  New-York", [(0, 2), (2, 4), (4, 7), (7, 8), (8, 12)], [0, 0, 0, 0, 0])
    assert [("in  New-York"[word.start : word.end], word.token) for word in found] == [
        ("in", 0),
        ("New", 2),
        ("-", 3),
        ("York", 4),
    ]


def test_save_and_load(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    loaded = Tokenizer.load(tmp_path, max_length=128)
    text = ["go [SEP] <s> cafe\u0301?"]
    assert loaded.encode(text) == tokenizer.encode(text)


def test_missing_and_broken_files_are_model_errors(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no tokenizer\.json"):
        Tokenizer.load(tmp_path, max_length=8)
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match="not a readable tokenizer"):
        Tokenizer.load(tmp_path, max_length=8)


def test_find_words_splits_at_white_space_between_signs() -> None:
    found = find_words("? !", [(0, 1), (1, 3)], [0, 0])
    assert [(word.token, word.start, word.end) for word in found] == [(0, 0, 1), (1, 2, 3)]
