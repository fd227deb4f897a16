"""A tokenizer trained on the texts at hand is the same each time, so that a run with one can be resumed."""

from __future__ import annotations

import json

from nlu_kit_backbones.new_bert import SPECIAL, _as_read, _tokenizer

TEXTS = [
    f"{verb} {what} {where}?" for verb in ("book", "plan") for what in ("tables", "naïve") for where in ("Łódź", "東京")
]


def test_the_same_texts_make_the_same_tokenizer() -> None:
    made = {_tokenizer(lambda: iter(TEXTS), 60).to_str() for _ in range(12)}
    assert len(made) == 1
    (tokenizer,) = map(json.loads, made)
    assert [token["content"] for token in tokenizer["added_tokens"] if token["special"]] == list(SPECIAL)
    vocabulary = tokenizer["model"]["vocab"]
    assert sorted(vocabulary.values()) == list(range(len(vocabulary)))
    assert {"book", "##o", "東", "?"} <= vocabulary.keys()


def test_pieces_are_no_words_of_a_text() -> None:
    raw = _tokenizer(lambda: iter(TEXTS), 60)
    assert "##o" not in raw.encode("##o").tokens
    assert raw.encode("book").tokens == ["[CLS]", "book", "[SEP]"]
    assert raw.encode("[MASK]").tokens == ["[CLS]", "[MASK]", "[SEP]"]


def test_its_vocabulary_is_of_what_it_will_read() -> None:
    raw = _tokenizer(lambda: map(_as_read, ["ｂｏｏｋ ａ ｔａｂｌｅ"] * 3), 60)
    assert "[UNK]" not in raw.encode("book a table").tokens
    assert not {"ｂ", "##ｏ"} & raw.get_vocab().keys()
