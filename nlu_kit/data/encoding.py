"""Text to token ids and words, with offsets into the *raw* text. Uses the Rust ``tokenizers`` library; no torch.

The tokenizer's own truncation and padding are switched off and done here (all-MiniLM's tokenizer.json pads every text
to 128), and special tokens that a user types ("[SEP]") are encoded as the text they are (but by Unigram models, to
which they are pieces of their vocabulary like any other).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nlu_kit.assets import Assets
from nlu_kit.data.shapes import NO_SHAPE, word_shape
from nlu_kit.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Encoding as RawEncoding
    from tokenizers import Tokenizer as RawTokenizer

TOKENIZER_FILE = "tokenizer.json"
NO_WORD = -1
_SURROGATES = re.compile("[\ud800-\udfff]")  # half characters: undecodable bytes of a command line, broken JSON


@dataclass(frozen=True, slots=True)
class Word:
    """``[token, stop)``: positions of its subwords among the ids; ``[start, end)``: its characters in the raw text."""

    token: int
    stop: int
    start: int
    end: int


@dataclass(frozen=True)
class Encoding:
    """One encoded text. ``ids`` include the special tokens; ``words`` are those that survived truncation."""

    text: str
    ids: tuple[int, ...]
    words: tuple[Word, ...]
    truncated: bool

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def token_words(self) -> np.ndarray:
        """Int64 [T]: the number of the word that each token is part of, -1 for special tokens."""
        return self._spread(range(len(self.words)), NO_WORD)

    @cached_property
    def token_shapes(self) -> np.ndarray:
        """Int64 [T]: how the word that each token is part of is written (``nlu_kit.data.shapes``)."""
        return self._spread((word_shape(self.text[word.start : word.end]) for word in self.words), NO_SHAPE)

    def _spread(self, values: Iterable[int], otherwise: int) -> np.ndarray:
        spread = np.full(len(self), otherwise, dtype=np.int64)
        for word, value in zip(self.words, values, strict=True):
            spread[word.token : word.stop] = value
        return spread


class Tokenizer:
    """A tokenizer.json and the length at which it truncates (special tokens included)."""

    def __init__(self, raw: RawTokenizer, *, max_length: int) -> None:
        raw.no_padding()
        raw.enable_truncation(max_length)
        raw.encode_special_tokens = True  # not part of tokenizer.json, so it is set at every load
        self._raw = raw
        self.max_length = max_length

    @classmethod
    def load(cls, folder: Path, *, max_length: int) -> Tokenizer:
        """Read ``folder/tokenizer.json``. Raises ModelError where it is missing or broken."""
        return cls.read(Assets(folder=folder), max_length=max_length)

    @classmethod
    def read(cls, assets: Assets, *, max_length: int) -> Tokenizer:
        """Read tokenizer.json among the files of a model folder. Raises ModelError where it is missing or broken."""
        from tokenizers import Tokenizer as RawTokenizer

        folder = assets.folder
        if TOKENIZER_FILE not in assets:
            raise ModelError(f"no {TOKENIZER_FILE} in {folder}: nlu-kit needs a fast tokenizer, for its offsets")
        try:
            return cls(RawTokenizer.from_buffer(assets.read(TOKENIZER_FILE)), max_length=max_length)
        except ModelError:
            raise
        except Exception as error:  # the Rust side raises bare Exception
            raise ModelError(f"{folder / TOKENIZER_FILE} is not a readable tokenizer: {error}") from error

    def save(self, folder: Path) -> None:
        """Write ``folder/tokenizer.json``."""
        self._raw.save(str(folder / TOKENIZER_FILE))

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Encode texts; the order is kept. A lone surrogate is read as the replacement character: any str encodes."""
        raws = self._raw.encode_batch([_SURROGATES.sub("\ufffd", text) for text in texts])
        return [self._convert(text, raw) for text, raw in zip(texts, raws, strict=True)]

    @staticmethod
    def _convert(text: str, raw: RawEncoding) -> Encoding:
        words = find_words(text, raw.offsets, raw.word_ids)
        return Encoding(text=text, ids=tuple(raw.ids), words=words, truncated=bool(raw.overflowing))


def find_words(text: str, offsets: Sequence[tuple[int, int]], word_ids: Sequence[int | None]) -> tuple[Word, ...]:
    """Group tokens into words.

    A token opens a word where the tokenizer says so, and also where a letter or digit meets something else: some
    tokenizers keep "Paris?" together, and an entity must be able to end before the question mark. White space that a
    tokenizer counts into a token is trimmed; marks that it drops (the accent in a decomposed "é") stay with the letter
    before them. Tokens without characters (special tokens) belong to no word.
    """
    words: list[Word] = []
    previous_id: int | None = None
    for token, ((start, end), word_id) in enumerate(zip(offsets, word_ids, strict=True)):
        last_end = words[-1].end if words else 0
        if word_id is not None and word_id == previous_id and start < end <= last_end:
            words[-1] = replace(words[-1], stop=token + 1)  # the bytes of one character share its offsets
            continue
        start = max(start, last_end)
        while start < end and text[start].isspace():
            start += 1
        while end > start and text[end - 1].isspace():
            end -= 1
        if word_id is None or start >= end:
            continue
        while end < len(text) and _is_mark(text[end]):
            end += 1
        if word_id != previous_id or start > last_end or _in_word(text[start]) != _in_word(text[start - 1]):
            words.append(Word(token, token + 1, start, end))
        else:  # a further subword
            words[-1] = Word(words[-1].token, token + 1, words[-1].start, end)
        previous_id = word_id
    return tuple(words)


def _in_word(character: str) -> bool:
    """Letters, digits and the marks that belong to them (accents, vowel signs)."""
    return character.isalnum() or _is_mark(character)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")
