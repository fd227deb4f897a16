"""Which tokens of a text make a word. No numpy.

What a head labels is words, so an entity can be learnt and predicted where words begin and end. A token opens a word

- after white space, and where the tokenizer says so;
- where letters or digits meet something else: some tokenizers keep "Paris?" together, and an entity must be able to
  end before the question mark;
- where digits meet letters ("10pm", "6Nov"), and one script another ("Seoul에서");
- in scripts that put no blanks around what others call a word (``UNSPACED``): every token. Korean is among them: it has
  blanks, but glues particles to a noun (서울에서, "in Seoul"), and annotators leave these out.

All that only where the tokenizer has a boundary between subwords: a token is never divided, so the ids of a text do not
depend on its words ("10th", one piece of BERT's vocabulary, stays one word). Elsewhere subwords open nothing:
"Oslobahn" is one word.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from nlu_kit.data.forms import spelt_out

UNSPACED = frozenset(
    {"CJK", "IDEOGRAPHIC", "HIRAGANA", "HENTAIGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HALFWIDTH", "BOPOMOFO", "HANGUL"}
    | {"THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "JAVANESE", "BALINESE", "TAI", "NEW", "YI", "NUSHU", "TANGUT"}
)
"""First words of Unicode names: Python knows no scripts. ``HALFWIDTH``: Katakana and Hangul; ``NEW``: New Tai Lue."""

_ATTACHED, _DIGIT, _SIGN, _ANY_SCRIPT = "attached", "digit", "sign", "any script"


@dataclass(frozen=True, slots=True)
class Word:
    """``[token, stop)``: positions of its subwords among the ids; ``[start, end)``: its characters in the raw text."""

    token: int
    stop: int
    start: int
    end: int


def find_words(text: str, offsets: Sequence[tuple[int, int]], word_ids: Sequence[int | None]) -> tuple[Word, ...]:
    """Group tokens into words.

    White space and format characters that a tokenizer counts into a token are trimmed; marks that it drops (the accent
    in a decomposed "é") stay with the letter before them. A character whose bytes two tokens share is the later one's
    if the first has other characters, too. Tokens without characters (special tokens) belong to no word.
    """
    words: list[Word] = []
    previous_id: int | None = None
    for token, ((start, end), word_id) in enumerate(zip(offsets, word_ids, strict=True)):
        last_end = words[-1].end if words else 0
        if word_id is not None and start < end <= last_end:
            words[-1] = replace(words[-1], stop=token + 1)  # the bytes of one character share its offsets
            continue
        following = offsets[token + 1][0] if token + 1 < len(offsets) else end
        if start < following < end:
            end = following
        start, end = _trimmed(text, max(start, last_end), end)
        if word_id is None or start >= end:
            continue
        while end < len(text) and _is_mark(text[end]):
            end += 1
        if not words or _opens(text, last_end, start, new=word_id != previous_id):
            words.append(Word(token, token + 1, start, end))
        else:  # a further subword
            words[-1] = Word(words[-1].token, token + 1, words[-1].start, end)
        previous_id = word_id
    return tuple(words)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and _is_edge(text[start]):
        start += 1
    while end > start and _is_edge(text[end - 1]):
        end -= 1
    return start, end


def _opens(text: str, last_end: int, start: int, *, new: bool) -> bool:
    """Whether the token at ``start`` opens a word after the one that ends at ``last_end``; ``new``: the tokenizer says
    so."""
    if not all(map(_is_format, text[last_end:start])):  # white space, or what the tokenizer dropped
        return True
    if last_end < start:  # a joiner
        return False
    before, kind = _kind_before(text, start), _kind(text[start])
    if before in UNSPACED or kind in UNSPACED:
        return True
    if before != kind and (_SIGN in (before, kind) or _ANY_SCRIPT not in (before, kind)):
        return True
    return new and (kind == _SIGN or not _is_mark(text[start - 1]))  # some tokenizers part a letter from its marks


def _kind_before(text: str, position: int) -> str:
    """Of the character that the marks before ``position`` belong to."""
    while position > 0:
        position -= 1
        if (kind := _kind(text[position])) != _ATTACHED:
            return kind
    return _SIGN


@lru_cache(maxsize=1 << 14)
def _kind(character: str) -> str:
    """``digit``, ``sign`` (punctuation and symbols), a script's name for letters, ``any script`` for letters and
    numerals of more than one (ʻ in Hawaiʻi, ² in m²), and ``attached`` for what belongs to the character before."""
    category = unicodedata.category(character)
    if category == "Cf" or category.startswith("M"):
        return _ATTACHED
    if category == "Nd":
        return _DIGIT
    if not character.isalnum():
        return _SIGN
    script = unicodedata.name(character, "UNNAMED").split(" ")[0]
    return script if script in UNSPACED or category in ("Lu", "Ll", "Lt", "Lo") else _ANY_SCRIPT


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def _is_format(character: str) -> bool:
    return unicodedata.category(character) == "Cf"


def _is_edge(character: str) -> bool:
    return character.isspace() or _is_format(character)


NO_SHAPE = 0
SHAPES = ("no word", "lower", "Title", "UPPER", "miXed", "digits", "d1gits and letters", "other")


def word_shape(word: str) -> int:
    """The position of the word's shape in SHAPES; scripts without case are ``lower``."""
    word = spelt_out(word)
    letters = [character for character in word if character.isalpha()]
    digits = any(character.isdigit() for character in word)
    if digits:
        return 6 if letters else 5
    if not letters:
        return 7
    upper = [character.isupper() for character in letters]
    if not any(upper):
        return 1
    if len(upper) > 1 and all(upper):
        return 3
    return 2 if upper[0] and not any(upper[1:]) else 4
