"""A copy of a text that a tokenizer reads well, and where each of its characters is in the raw text. No numpy.

Tokenizers know a word by what they saw in training: to many, "Paris😊", "Pa\\u200bris" and "New\\u00a0York" are unknown
words, or odd pieces. So they are given a copy in which

- a symbol stands apart (categories S*: emoji, €, ™, →; an emoji sequence is one symbol). ASCII's own, such as $ and +,
  are left to the tokenizer, which was made for texts with them; so is punctuation;
- format characters (category Cf) are gone, but for joiners between letters of scripts without case, to whose spelling
  they belong (Persian, Hindi). A zero-width space between letters of Thai, Lao, Khmer or Myanmar is what these write
  between words, and becomes a blank;
- white space outside ASCII is a blank, and half a surrogate pair (undecodable bytes, broken JSON) is U+FFFD.

Most texts are their own copy. A copy has a limit, too: of a very long text only the beginning is looked at.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

_RUN = 32  # characters of a kind that may leave no token behind; "stream-safe" text (UAX #15) has 30 marks in a row
_MOST_READ = 1 << 20  # characters of a text that are looked at, whatever they are
_BLANK = " "

# Each character's kind is a letter, so that one pattern over a text's kinds finds what a copy writes differently.
_KIND_OF_CATEGORY = {"Cf": "f", "Cc": "c", "Cs": "h", "Lo": "l"}
_KIND_OF_CHARACTER = {
    "\ufffd": "o",  # a symbol by category, but tokenizers drop it: it stands for a letter that was lost
    "\u200b": "z",
    "\u200c": "j",
    "\u200d": "j",
    "\u20e3": "k",  # makes a keycap of the digit before it
}
_ZERO_WIDTH_SPACED = ("THAI ", "LAO ", "KHMER ", "MYANMAR ")
_PATTERN = r"""
    (?P<symbol> rr | dm?k | [srt][mtgk]*(?:js[mtgk]*)* )
  | (?P<kept>   (?<=[lum])j(?=[lum]) )
  | (?P<blank>  w | (?<=[um])z+(?=u) )
  | (?P<gone>   [fjzg]+ )
  | (?P<half>   h )
"""
_PARTS = re.compile(_PATTERN, re.VERBOSE)
_PARTS_OF_LONG = re.compile(
    rf"(?P<blanks> [\ w][\ wfjzg]{{{_RUN},}} ) | (?P<run> m{{{_RUN},}} | c{{{_RUN},}} ) | {_PATTERN}", re.VERBOSE
)


@dataclass(frozen=True, slots=True)
class Copy:
    """``places``: where each character is in the raw text, None where both are one. ``cut``: what was left out at the
    end is not only white space."""

    text: str
    places: Sequence[int] | None = None
    cut: bool = False

    def in_raw(self, start: int, end: int) -> tuple[int, int]:
        """The raw text's span for one that begins and ends with characters of the raw text."""
        return (start, end) if self.places is None else (self.places[start], self.places[end - 1] + 1)


def legible(text: str, limit: int) -> Copy:
    """A copy of at most ``limit`` characters.

    A longer text is cut, at white space if some is near; but first, long runs of white space, marks and control
    characters are shortened, since a tokenizer may well make no token of them.
    """
    if len(text) <= limit:
        if text.isascii() or not _PARTS.search(kinds := text.translate(_KINDS)):
            return Copy(text)
        copy = _Writer()
        copy.write_all(text, kinds, _PARTS)
        if len(copy.places) <= limit:
            return Copy("".join(copy.parts), copy.places)
    read = limit
    while True:  # more at a time, so that the whole stays linear
        read = min(4 * read, len(text), _MOST_READ)
        copy = _Writer(limit)
        copy.write_all(text[:read], text[:read].translate(_KINDS), _PARTS_OF_LONG)
        if len(copy.places) > limit:
            written = _cut("".join(copy.parts), limit)
            return Copy(written, copy.places, cut=bool(text[copy.places[len(written) - 1] + 1 :].strip()))
        if read in (len(text), _MOST_READ):
            return Copy("".join(copy.parts), copy.places, cut=bool(text[read:].strip()))


def _cut(written: str, limit: int) -> str:
    if not written[limit].isspace():
        whole = written[:limit].rsplit(None, 1)[0]
        if len(whole) > limit // 2:
            return whole
    return written[:limit]


class _Writer:
    """What a copy is made of; it stops soon after ``limit`` characters."""

    def __init__(self, limit: int | None = None) -> None:
        self.parts: list[str] = []
        self.places: list[int] = []
        self._limit = limit
        self._apart = False  # what was written last must not touch what comes next

    def write_all(self, text: str, kinds: str, pattern: re.Pattern[str]) -> None:
        end = 0
        for found in pattern.finditer(kinds):
            self._write(text[end : found.start()], end)
            start, end = found.span()
            name = found.lastgroup
            if name == "symbol":
                self._write(text[start:end], start, apart=True)
            elif name == "kept":
                self._write(text[start:end], start)
            elif name == "half":
                self._write("\ufffd", start)
            elif name == "blank":
                self._write(_BLANK, start)
            elif name == "blanks":
                blanks = (c if c.isascii() else _BLANK for c in text[start:end] if c.isspace())
                self._write("".join(islice(blanks, _RUN)), start)
            elif name == "run":
                self._write(text[start : start + _RUN], start)
                self.places[-1] = end - 1
            if self._limit is not None and len(self.places) > self._limit:
                return
        self._write(text[end:], end)

    def _write(self, part: str, place: int, *, apart: bool = False) -> None:
        if not part:
            return
        glued = bool(self.parts) and not self.parts[-1][-1].isspace() and not part[0].isspace()
        if glued and (apart or self._apart):
            self.parts.append(_BLANK)
            self.places.append(place)
        self.parts.append(part)
        self.places.extend(range(place, place + len(part)))
        self._apart = apart


@lru_cache(maxsize=1 << 14)
def _kind(character: str) -> str:
    if character.isspace():
        return "w"
    if "\U0001f1e6" <= character <= "\U0001f1ff":
        return "r"  # half a flag
    if "\U0001f3fb" <= character <= "\U0001f3ff":
        return "t"  # a skin tone
    if "\U000e0020" <= character <= "\U000e007f":
        return "g"  # a tag, as in the flag of Scotland
    if character in _KIND_OF_CHARACTER:
        return _KIND_OF_CHARACTER[character]
    category = unicodedata.category(character)
    if category == "Lo" and unicodedata.name(character, "").startswith(_ZERO_WIDTH_SPACED):
        return "u"
    return _KIND_OF_CATEGORY.get(category) or {"S": "s", "M": "m"}.get(category[0], "o")


class _Kinds(dict[int, str]):
    def __missing__(self, code: int) -> str:
        return _kind(chr(code))


_ASCII = {code: _BLANK if chr(code).isspace() else "o" if code >= 32 and code != 127 else "c" for code in range(128)}
_KINDS = _Kinds(_ASCII | dict.fromkeys(b"0123456789#*", "d"))
