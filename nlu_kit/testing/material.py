"""Small real things to try components on: utterances, a tokenizer, encoded texts. No torch.

Fixed, so that a check that fails does so again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from nlu_kit.data.encoding import Encoding, Tokenizer
from nlu_kit.data.example import Entity, Example
from nlu_kit.data.prediction import EntityPrediction, LabelPrediction

_PATTERNS = {
    "book_table": ["book a table in {city}", "a table for two in {city} please"],
    "play_music": ["play some {genre}", "i want to hear {genre} now"],
    "set_alarm": ["wake me at {time}", "alarm at {time}!"],
}
_VALUES = {
    "city": ["Paris", "New York", "Tel Aviv", "Rome"],
    "genre": ["jazz", "hip hop", "folk", "acid jazz"],
    "time": ["seven", "half past six", "noon", "quarter to ten"],
}


@cache
def utterances() -> tuple[Example, ...]:
    """27 examples: three intents, three labels of entities, some texts without entities, words of several subwords."""
    found = [Example(text=text, intent=intent, entities=()) for text, intent in _PLAIN]
    for intent, patterns in _PATTERNS.items():
        for pattern in patterns:
            label = pattern[pattern.index("{") + 1 : pattern.index("}")]
            for value in _VALUES[label]:
                text, start = pattern.format(**{label: value}), pattern.index("{")
                entity = Entity(start=start, end=start + len(value), label=label)
                found.append(Example(text=text, intent=intent, entities=(entity,)))
    return tuple(found)


_PLAIN = (("book a table", "book_table"), ("play music", "play_music"), ("wake me up", "set_alarm"))

AWKWARD = ("", " ", "?", "a" * 300, "naïve café 東京 🙂", "two  blanks ", "[SEP] [PAD]")
"""Texts that any encoder and head must get through."""


SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@cache
def tokenizer() -> Tokenizer:
    """WordPiece over single characters and a few words: most words have several subwords. 64 tokens at most."""
    from tokenizers import Tokenizer as RawTokenizer
    from tokenizers import models, normalizers, pre_tokenizers, processors

    characters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    words = ["book", "table", "play", "wake", "me", "in", "at", "jazz", "paris", "alarm", "the", "some"]
    pieces = [*SPECIAL, *characters, *(f"##{character}" for character in characters), *words]
    vocabulary = {piece: position for position, piece in enumerate(dict.fromkeys(pieces))}
    raw = RawTokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    raw.normalizer = normalizers.BertNormalizer(lowercase=True)
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
    )
    return Tokenizer(raw, max_length=64)


def encoded(texts: Sequence[str]) -> list[Encoding]:
    """The texts as ``tokenizer`` encodes them."""
    return tokenizer().encode(texts)


def usual_prediction(encoding: Encoding) -> Mapping[str, Any]:
    """What the bundled heads might say to a text: an intent, and an entity in each of the first four words."""
    intent = LabelPrediction(name="book_table", confidence=0.9)
    entities = tuple(
        EntityPrediction(
            start=word.start,
            end=word.end,
            text=encoding.text[word.start : word.end],
            label=("city", "time")[number % 2],
            confidence=0.8,
        )
        for number, word in enumerate(encoding.words[:4])
    )
    return {"intent": intent, "intents": (intent,), "entities": entities}


def random_arrays(shape: Sequence[int], *, seed: int = 0) -> list[np.ndarray]:
    """Float32 arrays that decoding and scoring must get through: zeros, usual, large and all-equal numbers."""
    generator = np.random.default_rng(seed)
    usual = generator.normal(size=shape)
    kinds = [np.zeros(shape), usual, 1e4 * usual, 1e30 * usual, np.full(shape, -7.5), -np.abs(usual) * 1e-30]
    return [array.astype(np.float32) for array in kinds]
