"""Characters that stand for plain ones: full-width and mathematical letters, ligatures, ① and ㎏. No numpy.

``plain_form`` says what such a character is read as: ``ｂ`` and ``𝐛`` are a b, ``ﬁ`` is fi, ``ｱ`` is ア, ``Ⅳ`` is IV.
That is Unicode's compatibility normalisation (NFKC) of one character, where it is another spelling of the same letters.
So these stay as they are:

- all below U+2000: Latin-1's ½ and ² are known to most tokenizers, and to Thai, Lao and Armenian such characters are
  ordinary letters;
- exponents and fractions, since 10⁴ is not 104, nor 2⅓ 21⁄3; and ™;
- Korean's single letters (ㅋㅋ), which are the usual ones;
- signs without a letter (…, ‼). ``plain_sign`` has those that are wide, narrow or small forms of others (？ is ?).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_FIRST = "\u2000"
_OTHER_MEANING = ("<super>", "<fraction>", "<noBreak>")
_WIDTHS = ("<wide>", "<narrow>")
_SIZES = ("<wide>", "<narrow>", "<small>", "<vertical>")


@lru_cache(maxsize=1 << 14)
def plain_form(character: str) -> str | None:
    """The letters or digits that it stands for, or the mark of a half-width kana; None for any other character."""
    tag = _tag(character)
    if tag is None or tag in _OTHER_MEANING or "\u3130" <= character <= "\u318f":
        return None
    if tag in _WIDTHS:  # one step only: the last one would take Korean letters apart
        plain = _target(character)
        return plain if plain.isalnum() or unicodedata.combining(plain) else None
    plain = unicodedata.normalize("NFKC", character)
    return plain if plain != character and any(map(str.isalnum, plain)) else None


@lru_cache(maxsize=1 << 10)
def plain_sign(character: str) -> str | None:
    """The sign of usual width that it stands for; None for any other character."""
    if _tag(character) not in _SIZES or plain_form(character) is not None:
        return None
    plain = _target(character)
    return None if plain.isspace() else plain


def spelt_out(text: str) -> str:
    """The text with its letters and digits in their plain form."""
    return text if text.isascii() else "".join(plain_form(character) or character for character in text)


def _tag(character: str) -> str | None:
    """``<wide>`` and the like, empty where both are canonically the same; None where it stands for itself."""
    if character < _FIRST or not (parts := _parts(character)):
        return None
    return parts[0] if parts[0].startswith("<") else ""


def _target(character: str) -> str:
    return chr(int(_parts(character)[1], 16))


def _parts(character: str) -> list[str]:
    return unicodedata.decomposition(character).split()
