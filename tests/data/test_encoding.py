"""Words and offsets: whatever the text and the tokenizer, every word is a slice of the raw text."""

from __future__ import annotations

import copy
import json
import os
import pickle
import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers.models import Unigram

from nlu_kit.data.encoding import CHARACTERS, NO_WORD, Encoding, Tokenizer
from nlu_kit.data.legible import Copy, legible
from nlu_kit.data.words import NO_SHAPE, SHAPES, word_shape
from nlu_kit.errors import ModelError
from nlu_kit.process import own_process

ODD = "aZé́İıß7?!.,'-_ \t\n\u00a0\u200b\u200d\ufe0f\x00😀🏽東京िक्ﬁ[]ｂＯ７？＄－𝐛ⓑ①㎏㈱ﷺｶﾞⅣ⅓"
SCRIPTS = (
    "Paris éß Ωμ Жук ԱԲ "
    "שלום مرحبا نمی\u200cخواهم हिन्दी বাংলা தமிழ் සිංහල ไทย ລາວ ខ្មែរ မြန်မာ བོད་ ᠮᠣᠩ አማርኛ 한국어 カタカナｶﾞ ひらがなー 漢字々〇"
    "\u200b\u00ad😀❤\ufe0f👨\u200d👩🇫🇷1\ufe0f\u20e3€→10"
)
ANY = st.characters(categories=["L", "M", "N", "P", "S", "Z", "C"])  # half surrogate pairs included
texts = st.one_of(
    st.text(max_size=40),
    st.text(ANY, max_size=20),
    st.text(alphabet=SCRIPTS, max_size=25),
    st.text(alphabet=ODD, max_size=25),
    st.lists(
        st.sampled_from(["Paris?", "[SEP]", "[CLS]", "<s>", "table", "  ", "don't", "e\u0301", "👍🏽", "7:30"]),
        max_size=8,
    ).map(" ".join),
)


def words(encoding: Encoding) -> list[str]:
    return [encoding.text[word.start : word.end] for word in encoding.words]


def edge(character: str) -> str:
    return "white space" if character.isspace() else unicodedata.category(character)


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
        assert not {edge(piece[0]), edge(piece[-1])} & {"white space", "Cf"}
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


def inside(encoding: Encoding, start: int, end: int) -> list[tuple[int, int, tuple[int, ...]]]:
    """Span, counted from ``start``, and ids of each word that touches ``[start, end)``."""
    return [
        (word.start - start, word.end - start, encoding.ids[word.token : word.stop])
        for word in encoding.words
        if word.start < end and start < word.end
    ]


# No marks at their edges: these would belong to what stands before.
plain_words = st.one_of(
    st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8),
    st.sampled_from(["Paris", "table", "10", "Zürich", "cafe\u0301", "東京", "서울", "เชียงใหม่", "नमस्ते", "Тарту"]),
)
WIDE_ASCII = "＄＋＜＝＞＾｀｜～﹢﹤﹥﹦﹩"  # as ASCII's own, these are left to the tokenizer
symbols = st.one_of(
    st.characters(categories=["S"], min_codepoint=128, exclude_characters="\ufffd" + WIDE_ASCII),
    st.sampled_from(
        ["❤\ufe0f", "👍🏽", "👨\u200d👩\u200d👧", "🇫🇷", "1\ufe0f\u20e3", "🏴\U000e0067\U000e007f", "→→", "™😀"]
    ),
)


@settings(max_examples=300, deadline=None)
@given(word=plain_words, symbol=symbols, before=st.booleans(), after=st.booleans())
def test_a_symbol_at_its_edge_leaves_a_word_as_it_is(
    tokenizer: Tokenizer, word: str, symbol: str, before: bool, after: bool
) -> None:
    first, last = symbol * before, symbol * after
    plain, glued = tokenizer.encode([f"in {word} now", f"in {first}{word}{last} now"])
    expected = inside(plain, 3, 3 + len(word))
    start = 3 + len(first)
    assert inside(glued, start, start + len(word)) == expected


@settings(max_examples=300, deadline=None)
@given(word=plain_words, extra=st.characters(categories=["Cf"]), before=st.booleans(), after=st.booleans())
def test_format_characters_at_its_edge_leave_a_word_as_it_is(
    tokenizer: Tokenizer, word: str, extra: str, before: bool, after: bool
) -> None:
    plain, marked = tokenizer.encode([f"in {word} now", f"in {extra * before}{word}{extra * after} now"])
    start = 3 + before
    assert inside(marked, start, start + len(word)) == inside(plain, 3, 3 + len(word))
    assert marked.ids == plain.ids


@settings(max_examples=200, deadline=None)
@given(extra=st.characters(categories=["Cf"]), place=st.integers(1, 4))
def test_format_characters_end_no_word_in_two(tokenizer: Tokenizer, extra: str, place: int) -> None:
    word = f"{'Paris'[:place]}{extra}{'Paris'[place:]}"
    plain, marked = tokenizer.encode(["in Paris now", f"in {word} now"])
    assert marked.ids == plain.ids
    assert words(marked) == ["in", word, "now"]


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("weather in Paris😊", "Paris"),
        ("Oslo❤\ufe0f is where I go", "Oslo"),
        ("send 10€ to Anna", "10"),
        ("send €10 to Anna", "10"),
        ("play Thriller™ now", "Thriller"),
        ("from Riga→Tartu please", "Riga"),
        ("from Riga→Tartu please", "Tartu"),
        ("what does #oslo say", "oslo"),
        ("👍🏽Lima it is", "Lima"),
        ("train to Oslo\u200b please", "Oslo"),
        ("\u200bOslo\u200f tomorrow", "Oslo"),
        ("go to New\u00a0York now", "New\u00a0York"),
        ("go to Os\u00adlo now", "Os\u00adlo"),
        ("\ufeffBergen please", "Bergen"),
        ("to Te\u200dhran", "Te\u200dhran"),
        ("starting6Nov on the line at 10pm", "6Nov"),
        ("starting6Nov on the line at 10pm", "10"),
        ("at 10pm", "pm"),
        ("Seoul에서 만나요", "Seoul"),
        ("서울에서", "서울"),
        ("タワーに", "タワー"),
        ("iPhone手机", "iPhone"),
        ("don´t", "don"),
    ],
)
def test_an_entity_begins_and_ends_with_words(minilm: Tokenizer, text: str, entity: str) -> None:
    encoding = minilm.encode([text])[0]
    start = text.index(entity)
    found = inside(encoding, start, start + len(entity))
    assert (found[0][0], found[-1][1]) == (0, len(entity))
    if not text.startswith("starting"):  # its second part keeps the ids of a further subword
        bare = minilm.encode([entity])[0]
        assert sum((ids for _, _, ids in found), ()) == tuple(bare.ids[1:-1]) or entity == "pm"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("👨\u200d👩\u200d👧x", ["👨\u200d👩\u200d👧", "x"]),
        ("🇫🇷🇩🇪", ["🇫🇷", "🇩🇪"]),
        ("1\ufe0f\u20e3go", ["1\ufe0f\u20e3", "go"]),
        ("I❤\ufe0fNY", ["I", "❤\ufe0f", "NY"]),
        ("😀😀", ["😀", "😀"]),
        ("(€)", ["(", "€", ")"]),
        ("نمی\u200cخواهم بروم", ["نمی\u200cخواهم", "بروم"]),  # the joiner is spelling
        ("क्\u200dष है", ["क्\u200dष", "है"]),
        ("a\u200d b", ["a", "b"]),
        ("m² Hawaiʻi", ["m²", "Hawaiʻi"]),
        ("the Oslobahn", ["the", "Oslobahn"]),  # Latin subwords open nothing
        ("at 10th", ["at", "10th"]),  # one piece of the vocabulary
    ],
)
def test_what_belongs_together(minilm: Tokenizer, text: str, expected: list[str]) -> None:
    assert words(minilm.encode([text])[0]) == expected


@pytest.mark.parametrize(
    "text", ["👨\u200d👩\u200d👧", "❤\ufe0f", "नमस्ते", "नमी\u200cनमी", "نمی\u200cخواهم", "e\u0301e\u0301"]
)
def test_a_word_of_many_bytes_is_one(tokenizer: Tokenizer, text: str) -> None:
    assert words(tokenizer.encode([f"in {text} now"])[0]) == ["in", text, "now"]


def test_in_scripts_without_spaces_every_token_may_open_a_word(
    unspaced: Tokenizer, sentences: list[tuple[str, int, int]]
) -> None:
    assert len(sentences) == 40
    for text, start, end in sentences:
        found = unspaced.encode([text])[0].words
        assert start in {word.start for word in found}, text
        assert end in {word.end for word in found}, text


def test_zero_width_spaces_are_blanks_where_they_part_words(unspaced: Tokenizer) -> None:
    for spaced, zero in (("ภูเก็ต เชียงใหม่", "ภูเก็ต\u200bเชียงใหม่"), ("ភ្នំពេញ ថ្ងៃ", "ភ្នំពេញ\u200bថ្ងៃ")):
        one, other = unspaced.encode([spaced, zero])
        assert one.ids == other.ids
        assert one.words == other.words


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
    encoding = minilm.encode(["Wow, a Gewurztraminer at 7pm 10th!"])[0]
    word = encoding.words[3]
    assert encoding.text[word.start : word.end] == "Gewurztraminer"
    assert word.stop - word.token > 2
    numbers, shapes = encoding.token_words.tolist(), [SHAPES[shape] for shape in encoding.token_shapes]
    assert sorted(set(numbers)) == [NO_WORD, *range(len(encoding.words))]
    assert [shapes[word.token] for word in encoding.words] == [
        "Title",
        "other",
        "lower",
        "Title",
        "lower",
        "digits",
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


# --- letters that are written in another form -------------------------------------------------------------------------


def full_width(text: str) -> str:
    return "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else "\u3000" if one == " " else one for one in text)


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_full_width_text_is_read_as_what_it_spells(tokenizer: Tokenizer, text: str) -> None:
    plain, wide = tokenizer.encode([text, full_width(text)])
    assert wide.ids == plain.ids
    assert wide.words == plain.words
    assert wide.token_shapes.tolist() == plain.token_shapes.tolist()


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.characters(max_codepoint=127), max_size=40))
def test_ascii_is_its_own_copy(text: str) -> None:
    assert legible(text, 100) == Copy(text)


@pytest.mark.parametrize(
    ("text", "read", "expected"),
    [
        ("ｂｏｏｋ ａ ｔａｂｌｅ？", "book a table?", ["ｂｏｏｋ", "ａ", "ｔａｂｌｅ", "？"]),
        ("𝐛𝐨𝐨𝐤 𝟏𝟐", "book 12", ["𝐛𝐨𝐨𝐤", "𝟏𝟐"]),
        ("ⓑⓞⓞⓚ 🄱🄾🄾🄺", "book BOOK", ["ⓑⓞⓞⓚ", "🄱🄾🄾🄺"]),
        ("ﬁnd a ﬂight", "find a flight", ["ﬁnd", "a", "ﬂight"]),
        ("5㎏ at 25℃", "5 kg at 25 °C", ["5", "㎏", "at", "25", "℃"]),
        ("①Oslo②", "1 Oslo 2", ["①", "Oslo", "②"]),
        ("Henry Ⅷ", "Henry VIII", ["Henry", "Ⅷ"]),
        ("㈱です", "(株) です", ["㈱", "で", "す"]),
        ("ﷺ now", "صلى الله عليه وسلم now", ["ﷺ", "now"]),  # one character, four words
        ("ｶﾞｿﾘﾝ ﾊﾟﾝ", "ガソリン パン", None),
        ("ﻼ", "لا", ["ﻼ"]),
        ("東京，ＡＢＣ？", "東京，ABC？", ["東", "京", "，", "ＡＢＣ", "？"]),  # signs of their own script
        ("Oslo，ok！", "Oslo,ok!", ["Oslo", "，", "ok", "！"]),
        ("ㅋㅋ 한국 น้ำ և", "ㅋㅋ 한국 น้ำ և", None),
        ("2½ m² 10⁴ ⅓", "2½ m² 10⁴ ⅓", ["2½", "m²", "10⁴", "⅓"]),
    ],
)
def test_forms_are_read_as_letters(minilm: Tokenizer, text: str, read: str, expected: list[str] | None) -> None:
    assert legible(text, 1000).text == read
    if expected is not None:
        assert words(minilm.encode([text])[0]) == expected


def test_a_long_text_of_forms_is_cut_as_its_letters_would_be(minilm: Tokenizer) -> None:
    plain, wide = minilm.encode(["book a table " * 5000, full_width("book a table " * 5000)])
    assert (wide.ids, wide.words, wide.truncated) == (plain.ids, plain.words, True)


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


def test_save_and_load(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    loaded = Tokenizer.load(tmp_path, max_length=128)
    text = ["go [SEP] <s> cafe\u0301?"]
    assert loaded.encode(text) == tokenizer.encode(text)


def test_missing_and_broken_files_are_model_errors(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no tokenizer\.json"):
        Tokenizer.load(tmp_path, max_length=8)
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match="no tokenizer that can be read"):
        Tokenizer.load(tmp_path, max_length=8)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_encodes_the_same(make_tokenizer: Callable[..., Tokenizer], copied: Callable[[Any], Any]) -> None:
    tokenizer = make_tokenizer(max_length=20)
    text = ["what is [SEP] here <s>", "Paris😊 " * 20]
    assert copied(tokenizer).encode(text) == tokenizer.encode(text)


def test_the_largest_id(tmp_path: Path, raw_tokenizer: Callable[[], Any]) -> None:
    raw = raw_tokenizer()
    size = raw.get_vocab_size()
    assert Tokenizer(raw, max_length=8).largest_id == size - 1
    raw.add_tokens(["zanzibar"])
    assert Tokenizer(raw, max_length=8).largest_id == size
    content = json.loads(raw.to_str())
    content["post_processor"]["special_tokens"]["[SEP]"]["ids"] = [99_999]  # in no vocabulary
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    assert Tokenizer.load(tmp_path, max_length=8).largest_id == 99_999


def test_the_same_text_has_the_same_ids_each_time(make_tokenizer: Callable[..., Tokenizer]) -> None:
    tokenizer = make_tokenizer()
    if hasattr(tokenizer._raw.model, "dropout"):
        tokenizer._raw.model.dropout = 0.9  # as some files say, for training such a tokenizer's language model
    text = ["book a table in Paris for two people"]
    again = Tokenizer(tokenizer._raw, max_length=128)
    assert all(again.encode(text) == again.encode(text) for _ in range(5))


# --- texts of any length ----------------------------------------------------------------------------------------------


class Counting:
    """A tokenizer that counts the characters that reach it."""

    def __init__(self, raw: Any) -> None:
        self.raw, self.characters = raw, 0

    def encode_batch(self, texts: Sequence[str]) -> Any:
        self.characters += sum(map(len, texts))
        return self.raw.encode_batch(texts)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("book a table " * 800_000, "book"),
        ("a" * 10_000_000, "a"),
        ("東京" * 5_000_000, "東"),
        ("😀" * 5_000_000, "😀"),
        ("é " * 5_000_000, "é"),
        ("e" + "\u0301" * 10_000_000, "e"),
        (" " * 10_000_000 + "late", None),
        ("\x01" * 10_000_000, None),
        ("\u200b" * 10_000_000, None),
        ("\udcff" * 10_000_000, None),
    ],
    ids=lambda value: ascii(value[:2]) if value else "none",
)
def test_of_ten_megabytes_only_the_beginning_is_tokenised(minilm: Tokenizer, text: str, first: str | None) -> None:
    counting = Counting(minilm._raw)
    tokenizer = copy.copy(minilm)
    tokenizer._raw = counting  # type: ignore[assignment]
    encoding = tokenizer.encode([text])[0]
    assert counting.characters <= 128 * CHARACTERS
    assert encoding.truncated
    assert encoding.text is text
    assert len(encoding) <= 128
    assert (words(encoding)[0][: len(first)] if first else None) == first


@pytest.mark.parametrize("filling", [" ", "\t\n", "\u00a0", "\u200b", "\ufeff ", "\u200b\u00ad"])
def test_what_makes_no_token_cuts_nothing_off(minilm: Tokenizer, filling: str) -> None:
    many = filling * (300_000 // len(filling))
    short, long = minilm.encode([f"go to{filling} Paris", f"{many}go to{many} Paris{many}"])
    assert long.ids == short.ids
    assert words(long) == ["go", "to", "Paris"]
    assert not long.truncated


def test_a_million_accents_cut_nothing_off(minilm: Tokenizer) -> None:
    encoding = minilm.encode(["e" + "\u0301" * 1_000_000 + " Paris"])[0]
    assert encoding.ids == minilm.encode(["e Paris"])[0].ids
    assert encoding.text[slice(encoding.words[1].start, encoding.words[1].end)] == "Paris"
    assert not encoding.truncated


long_texts = st.lists(
    st.one_of(
        st.text(alphabet="abcdeé7?东ไ", min_size=1, max_size=30),
        st.sampled_from([" ", "\n", "\u00a0", "\u0301", "\u200b", "\x01", "€", "."]).flatmap(
            lambda one: st.integers(1, 200).map(lambda count: one * count)
        ),
        st.just(" "),
    ),
    min_size=60,
    max_size=150,
).map(lambda parts: "".join(parts) * 3)


@settings(max_examples=60, deadline=None)
@given(text=long_texts)
def test_a_cut_text_is_encoded_as_the_whole_would_be(cut_and_whole: tuple[Tokenizer, Tokenizer], text: str) -> None:
    if len(cut_and_whole[1].encode([" \n" * 40])[0]) > 2:  # it makes tokens of blanks: of a long run only some are kept
        text = re.sub(r"([\s\u200b\x01\u0301]{32})[\s\u200b\x01\u0301]+", r"\1", text)
    cut, whole = (tokenizer.encode([text])[0] for tokenizer in cut_and_whole)
    assert cut.ids == whole.ids
    assert cut.truncated == whole.truncated
    assert cut.words[:-1] == whole.words[:-1]


@pytest.fixture(scope="module")
def cut_and_whole(make_tokenizer: Callable[..., Tokenizer]) -> tuple[Tokenizer, Tokenizer]:
    """Both end after 8 tokens; the second one reads all of a text."""

    class Whole(Tokenizer):
        characters = 1_000_000

    whole = Whole(make_tokenizer(max_length=8)._raw, max_length=8)
    return make_tokenizer(max_length=8), whole


# --- tokenizers that break --------------------------------------------------------------------------------------------

TEMPLATE = {"type": "TemplateProcessing", "single": [], "pair": [], "special_tokens": {}}
BREAKING: dict[str, dict[str, Any]] = {
    "no special token": {"post_processor": {**TEMPLATE, "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}]}},
    "no second text": {"post_processor": {**TEMPLATE, "single": [{"Sequence": {"id": "B", "type_id": 0}}]}},
    "pieces of no length": {"pre_tokenizer": {"type": "FixedLength", "length": 0}},
    "map of no characters": {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
    "map that leads nowhere": {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "BAAAAP////8AAAAA"}},
    "exploding pattern": {"normalizer": {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": "x"}},
    "prefix longer than a piece": {
        "model": {
            "type": "BPE",
            "continuing_subword_prefix": "####",
            "vocab": {"a": 0, "b": 1, "ab": 2},
            "merges": [["a", "b"]],
        }
    },
    "no unknown token": {"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "[UNK]"}},
    "no vocabulary": {"model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {}}},
    "unknown token out of range": {"model": {"type": "Unigram", "unk_id": 7, "vocab": [["a", 0.0]]}},
    "no unknown piece": {"model": {"type": "Unigram", "unk_id": None, "vocab": [["a", 0.0]]}},
    "merge of nothing": {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "b"]]}},
}


@pytest.mark.parametrize("kind", BREAKING)
def test_a_tokenizer_that_breaks_is_a_model_error_without_a_stack(
    kind: str, raw_tokenizer: Callable[[], Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = json.loads(raw_tokenizer().to_str()) | BREAKING[kind]
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    with own_process(), pytest.raises(ModelError, match=r"tokenizer\.json is no"):
        Tokenizer.load(tmp_path, max_length=16)
    assert capfd.readouterr() == ("", "")


def test_in_somebody_elses_process_stderr_is_not_turned_aside(
    raw_tokenizer: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a child that is started now would lose its stderr")

    raw_tokenizer().save(str(tmp_path / "tokenizer.json"))
    with monkeypatch.context() as patched:
        patched.setattr(os, "dup2", refuse)
        assert Tokenizer.load(tmp_path, max_length=16).encode(["book"])


def test_a_panic_while_encoding_is_a_model_error(raw_tokenizer: Callable[[], Any]) -> None:
    from tokenizers import pre_tokenizers

    raw = raw_tokenizer()
    raw.pre_tokenizer = pre_tokenizers.FixedLength(length=0)
    with pytest.raises(ModelError, match="tokenizer can't encode a text: chunk size must be non-zero"):
        Tokenizer(raw, max_length=16).encode(["go"])


def test_a_file_that_is_no_regular_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").mkdir()
    with pytest.raises(ModelError, match="this is a folder, not a regular file"):
        Tokenizer.load(tmp_path, max_length=8)
