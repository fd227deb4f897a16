"""Tokens to words, where the offsets are given by hand."""

from __future__ import annotations

from nlu_kit.data.words import find_words


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


def test_find_words_splits_at_white_space_between_signs() -> None:
    found = find_words("? !", [(0, 1), (1, 3)], [0, 0])
    assert [(word.token, word.start, word.end) for word in found] == [(0, 0, 1), (1, 2, 3)]


def test_a_character_whose_bytes_two_tokens_share_is_the_later_ones() -> None:
    # "東京へ": the first token has the lead bytes of へ, too, as byte-level tokens often have.
    found = find_words("東京へ", [(0, 3), (2, 3)], [0, 0])
    assert [(word.token, word.stop, word.start, word.end) for word in found] == [(0, 1, 0, 2), (1, 2, 2, 3)]


def test_letters_that_a_tokenizer_parts_from_their_marks_are_one_word() -> None:
    # ह ि न ् द ी, as a byte-level pre-tokenizer parts letters from everything else
    found = find_words("हिन्दी है", [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (7, 8)], [0, 1, 2, 3, 4, 5, 6])
    assert [(word.token, word.stop, word.start, word.end) for word in found] == [(0, 6, 0, 6), (6, 7, 7, 9)]


def test_digits_and_scripts_part_only_where_a_token_ends() -> None:
    assert len(find_words("10pmЖ", [(0, 5)], [0])) == 1
    parted = find_words("10pmЖ", [(0, 2), (2, 4), (4, 5)], [0, 0, 0])
    assert [(word.start, word.end) for word in parted] == [(0, 2), (2, 4), (4, 5)]
