"""A copy of a text that a tokenizer reads well, and where each of its characters is in the raw text. No numpy.

Tokenizers know a word by what they saw in training: to many, "Paris😊", "Pa\\u200bris" and "New\\u00a0York" are unknown
words, or odd pieces. So they are given a copy in which

- a symbol stands apart (categories S*: emoji, €, ™, →; an emoji sequence is one symbol). ASCII's own, such as $ and +,
  are left to the tokenizer, which was made for texts with them; so is punctuation;
- format characters (category Cf) are gone, but for joiners between letters of scripts without case, to whose spelling
  they belong (Persian, Hindi). A zero-width space between letters of Thai, Lao, Khmer or Myanmar is what these write
  between words, and becomes a blank;
- white space outside ASCII is a blank, and half a surrogate pair (undecodable bytes, broken JSON) is U+FFFD;
- letters and digits have their plain form (``nlu_kit.data.forms``): ｂｏｏｋ is "book". So have signs, but not the wide
  ones of a text with Chinese, Japanese or Korean letters, to which they belong. What is a symbol (ⓑ, ㎏, ℃) or a number
  (①) stands apart as before, symbols of single letters from others than each other.

Most texts are their own copy. A copy has a limit, too: of a very long text only the beginning is looked at.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from nlu_kit.data.forms import plain_form, plain_sign

_RUN = 32  # characters of a kind that may leave no token behind; "stream-safe" text (UAX #15) has 30 marks in a row
_MOST_READ = 1 << 20  # characters of a text that are looked at, whatever they are
_BLANK = " "
_VOICED = ("\u3099", "\u309a")

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
  | (?P<spelt>  e[mtgk]* | (?:b[mtgk]*)+ )
  | (?P<form>   [ai]+ )
  | (?P<kept>   (?<=[lumi])j(?=[lumi]) )
  | (?P<blank>  w | (?<=[um])z+(?=u) )
  | (?P<gone>   [fjzg]+ )
  | (?P<half>   h )
"""
_PARTS = re.compile(_PATTERN, re.VERBOSE)
_WIDE = re.compile("[pqv]")
_WIDE_KINDS = {True: str.maketrans("pqv", "oss"), False: str.maketrans("pqv", "aae")}
"""By whether the text has ``_EAST_ASIAN`` letters."""
_EAST_ASIAN = re.compile(
    "[\u1100-\u11ff\u3040-\u31ff\u3400-\ua4cf\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U0001b000-\U0003ffff]"
)
_PARTS_OF_LONG = re.compile(
    rf"(?P<blanks> [\ w][\ wfjzg]{{{_RUN},}} ) | (?P<run> m{{{_RUN},}} | c{{{_RUN},}} ) | {_PATTERN}", re.VERBOSE
)


@dataclass(frozen=True, slots=True)
class Copy:
    """``starts`` and ``ends``: where each character begins and ends in the raw text, None where both are one. ``cut``:
    what was left out at the end is not only white space."""

    text: str
    starts: Sequence[int] | None = None
    ends: Sequence[int] | None = None
    cut: bool = False

    def in_raw(self, start: int, end: int) -> tuple[int, int]:
        """The raw text's span for one that begins and ends with characters of the raw text."""
        if self.starts is None or self.ends is None:
            return start, end
        return self.starts[start], self.ends[end - 1]


def legible(text: str, limit: int) -> Copy:
    """A copy of at most ``limit`` characters.

    A longer text is cut, at white space if some is near; but first, long runs of white space, marks and control
    characters are shortened, since a tokenizer may well make no token of them.
    """
    if text.isascii() and len(text) <= limit:
        return Copy(text)
    east_asian = _EAST_ASIAN.search(text[:limit]) is not None
    if len(text) <= limit:
        if not _PARTS.search(kinds := _kinds(text, east_asian)):
            return Copy(text)
        copy = _Writer()
        copy.write_all(text, kinds, _PARTS)
        if len(copy.starts) <= limit:
            return Copy("".join(copy.parts), copy.starts, copy.ends)
    read = limit
    while True:  # more at a time, so that the whole stays linear
        read = min(4 * read, len(text), _MOST_READ)
        copy = _Writer(limit)
        copy.write_all(text[:read], _kinds(text[:read], east_asian), _PARTS_OF_LONG)
        if len(copy.starts) > limit:
            written = _cut("".join(copy.parts), limit)
            end = copy.ends[len(written) - 1]
            return Copy(written, copy.starts, copy.ends, cut=bool(text[end:].strip()))
        if read in (len(text), _MOST_READ):
            return Copy("".join(copy.parts), copy.starts, copy.ends, cut=bool(text[read:].strip()))


def _kinds(text: str, east_asian: bool) -> str:
    kinds = text.translate(_KINDS)
    return kinds.translate(_WIDE_KINDS[east_asian]) if _WIDE.search(kinds) else kinds


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
        self.starts: list[int] = []
        self.ends: list[int] = []
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
            elif name in ("spelt", "form"):
                self._write_plain(text[start:end], start, apart=name == "spelt")
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
                self.ends[-1] = end
            if self._limit is not None and len(self.starts) > self._limit:
                return
        self._write(text[end:], end)

    def _write(self, part: str, place: int, *, apart: bool = False) -> None:
        self._put(part, range(place, place + len(part)), range(place + 1, place + len(part) + 1), apart=apart)

    def _write_plain(self, part: str, place: int, *, apart: bool = False) -> None:
        """In plain forms, each of which may be several characters, or one with the kana before it."""
        written: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        for position, character in enumerate(part, place):
            plain = plain_form(character) or plain_sign(character) or character
            if plain in _VOICED and written and len(one := unicodedata.normalize("NFC", written[-1] + plain)) == 1:
                written[-1], ends[-1] = one, position + 1
                continue
            written += plain
            starts += [position] * len(plain)
            ends += [position + 1] * len(plain)
        self._put("".join(written), starts, ends, apart=apart)

    def _put(self, part: str, starts: Sequence[int], ends: Sequence[int], *, apart: bool) -> None:
        if not part:
            return
        glued = bool(self.parts) and not self.parts[-1][-1].isspace() and not part[0].isspace()
        if glued and (apart or self._apart):
            self.parts.append(_BLANK)
            self.starts.append(starts[0])
            self.ends.append(starts[0])
        self.parts.append(part)
        self.starts.extend(starts)
        self.ends.extend(ends)
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
    if (plain := plain_form(character)) is not None:
        return _kind_of_form(character, category, plain)
    if (plain := plain_sign(character)) is not None:
        return _kind_of_sign(character, category, plain)
    if category == "Lo" and unicodedata.name(character, "").startswith(_ZERO_WIDTH_SPACED):
        return "u"
    return _KIND_OF_CATEGORY.get(category) or {"S": "s", "M": "m"}.get(category[0], "o")


def _kind_of_form(character: str, category: str, plain: str) -> str:
    if category[0] == "S":
        return "b" if len(plain) == 1 and plain.isalpha() else "e"
    if category == "No" and not unicodedata.decomposition(character).startswith("<sub>"):
        return "e"
    return "i" if category == "Lo" else "a"


def _kind_of_sign(character: str, category: str, plain: str) -> str:
    """``p``, ``q`` and ``v`` are as ``_WIDE_KINDS`` says, by the text that they are in."""
    if category[0] != "S":
        return "a" if unicodedata.decomposition(character).startswith("<narrow>") else "p"
    return "q" if plain.isascii() else "v"


class _Kinds(dict[int, str]):
    def __missing__(self, code: int) -> str:
        return _kind(chr(code))


_ASCII = {code: _BLANK if chr(code).isspace() else "o" if code >= 32 and code != 127 else "c" for code in range(128)}
_KINDS = _Kinds(_ASCII | dict.fromkeys(b"0123456789#*", "d"))
