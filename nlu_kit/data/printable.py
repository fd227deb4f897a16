"""Texts of users, for eyes: a terminal obeys control characters, lines of a log break at some, a page may hold none."""

from __future__ import annotations

_UNSEEN = "\ufffd"
_BREAKS = "\t\n"

# ESC as ␛, BEL as ␇; what has no picture of its own is the replacement character: C1 controls, separators of lines and
# paragraphs, what turns the direction of a text around, halves of surrogate pairs (which no file can hold).
_SYMBOLS = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\u2421"}
for _first, _last in ((0x80, 0x9F), (0x2028, 0x202E), (0x2066, 0x2069), (0xD800, 0xDFFF)):
    _SYMBOLS |= dict.fromkeys(range(_first, _last + 1), _UNSEEN)
_WITHOUT_BREAKS = {code: symbol for code, symbol in _SYMBOLS.items() if chr(code) not in _BREAKS}


def printable(text: str) -> str:
    """Control characters as symbols, one for one, so that offsets stay; only line feeds and tabs are left."""
    return text.translate(_WITHOUT_BREAKS)


def symbols(text: str) -> str:
    """The same, with line feeds and tabs as symbols, too: what comes out is one line."""
    return text.translate(_SYMBOLS)


def one_line(text: str) -> str:
    """The same, with line breaks and other runs of white space as single spaces."""
    return symbols(" ".join(text.split()))
