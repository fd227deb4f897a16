"""Text to token ids and words, with offsets into the *raw* text. Uses the Rust ``tokenizers`` library; no torch.

The tokenizer gets a copy of the text (``nlu_kit.data.legible``), and its tokens are grouped into words
(``nlu_kit.data.words``). Its own truncation and padding are switched off and done here (all-MiniLM's tokenizer.json
pads every text to 128), and special tokens that a user types ("[SEP]") are encoded as the text they are (but by Unigram
models, to which they are pieces of their vocabulary like any other).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nlu_kit.assets import Assets
from nlu_kit.data.legible import Copy, legible
from nlu_kit.data.panics import rust_errors, silent_panics
from nlu_kit.data.words import NO_SHAPE, Word, find_words, word_shape
from nlu_kit.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Encoding as RawEncoding
    from tokenizers import Tokenizer as RawTokenizer

__all__ = ["NO_WORD", "TOKENIZER_FILE", "Encoding", "Tokenizer", "Word"]

TOKENIZER_FILE = "tokenizer.json"
NO_WORD = -1
CHARACTERS = 128
"""How many characters of a text are tokenised for each token that a model can see: no usual piece is longer."""
_TRIED = ("", "Wake me at 7:30 in Zürich, please? 東京 서울 😀\u0301\x00", "a" * 200 + "1 " * 200 + "?!" * 50)
"""They show at once a tokenizer that can't encode: one without a token for what is unknown, for example."""
_BROKEN = "the model's tokenizer can't encode a text"


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
        """Int64 [T]: how the word that each token is part of is written (``nlu_kit.data.words``)."""
        return self._spread((word_shape(self.text[word.start : word.end]) for word in self.words), NO_SHAPE)

    def _spread(self, values: Iterable[int], otherwise: int) -> np.ndarray:
        spread = np.full(len(self), otherwise, dtype=np.int64)
        for word, value in zip(self.words, values, strict=True):
            spread[word.token : word.stop] = value
        return spread


class Tokenizer:
    """A tokenizer.json and the length at which it truncates (special tokens included)."""

    characters = CHARACTERS

    def __init__(self, raw: RawTokenizer, *, max_length: int) -> None:
        raw.no_padding()
        raw.enable_truncation(max_length)
        raw.encode_special_tokens = True  # not part of tokenizer.json, so it is set at every load
        if getattr(raw.model, "dropout", None) is not None:  # BPE's: other ids each time
            raw.model.dropout = None
        self._raw = raw
        self.max_length = max_length

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Unpickled, or copied: what tokenizer.json doesn't hold is set again."""
        self.__dict__.update(state)
        self._raw.encode_special_tokens = True

    @classmethod
    def load(cls, folder: Path, *, max_length: int) -> Tokenizer:
        """Read ``folder/tokenizer.json``; see ``read``."""
        return cls.read(Assets(folder=folder), max_length=max_length)

    @classmethod
    def read(cls, assets: Assets, *, max_length: int) -> Tokenizer:
        """Read tokenizer.json among the files of a model folder, and encode some texts with it. Raises ModelError where
        it is missing or broken."""
        from tokenizers import Tokenizer as RawTokenizer

        file = assets.folder / TOKENIZER_FILE
        if TOKENIZER_FILE not in assets:
            raise ModelError(f"no {TOKENIZER_FILE} in {assets.folder}: nlu-kit needs a fast tokenizer, for its offsets")
        content = assets.read(TOKENIZER_FILE)
        with silent_panics():
            with rust_errors(f"{file} is no tokenizer that can be read"):
                tokenizer = cls(RawTokenizer.from_buffer(content), max_length=max_length)
            tokenizer._tokens(_TRIED, f"{file} is no tokenizer that can encode any text")
        return tokenizer

    def save(self, folder: Path) -> None:
        """Write ``folder/tokenizer.json``."""
        self._raw.save(str(folder / TOKENIZER_FILE))

    @cached_property
    def largest_id(self) -> int:
        """The highest id that a text can get: an encoder's table of embeddings needs more rows than that."""
        given = self._tokens([""], _BROKEN)[0].ids  # a post-processor gives ids that need be in no vocabulary
        special = {id_ for id_, token in self._raw.get_added_tokens_decoder().items() if token.special}  # never read
        return max([0, *given, *(id_ for id_ in self._raw.get_vocab().values() if id_ not in special)])

    @cached_property
    def mask_id(self) -> int | None:
        """The id of the token that stands for a hidden word; None where the tokenizer has none."""
        found = (self._raw.token_to_id(token) for token in ("[MASK]", "<mask>"))
        return next((id_ for id_ in found if id_ is not None), None)

    @cached_property
    def ordinary_ids(self) -> np.ndarray:
        """Int64: the ids of all pieces but special tokens."""
        special = {id_ for id_, token in self._raw.get_added_tokens_decoder().items() if token.special}
        known = [*self._tokens([""], _BROKEN)[0].ids, *([] if self.mask_id is None else [self.mask_id])]
        special |= set(known)  # not every file says of these that they are
        return np.array(sorted(set(self._raw.get_vocab(with_added_tokens=False).values()) - special), dtype=np.int64)

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Encode texts; the order is kept. Any str encodes: half a surrogate pair is read as the replacement character.
        Raises ModelError where the tokenizer breaks, which ``load`` makes unlikely."""
        copies = [legible(text, self.max_length * self.characters) for text in texts]
        raws = self._tokens([copy.text for copy in copies], _BROKEN)
        return [_encoding(text, copy, raw) for text, copy, raw in zip(texts, copies, raws, strict=True)]

    def _tokens(self, texts: Sequence[str], otherwise: str) -> list[RawEncoding]:
        """Raises ModelError, ``otherwise`` and the reason, where the tokenizer breaks."""
        with rust_errors(otherwise):
            return self._raw.encode_batch(texts)


def _encoding(text: str, copy: Copy, raw: RawEncoding) -> Encoding:
    words: list[Word] = []
    for word in find_words(copy.text, raw.offsets, raw.word_ids):
        start, end = copy.in_raw(word.start, word.end)
        if words and start < words[-1].end:  # parts of what is one character in the raw text, as of ㈱
            words[-1] = replace(words[-1], stop=word.stop, end=max(end, words[-1].end))
        else:
            words.append(Word(word.token, word.stop, start, end))
    return Encoding(text=text, ids=tuple(raw.ids), words=tuple(words), truncated=copy.cut or bool(raw.overflowing))
