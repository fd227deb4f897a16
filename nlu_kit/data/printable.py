"""Texts of users, for eyes."""

from __future__ import annotations

_CONTROLS = {code: "\ufffd" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n\r"}


def printable(text: str) -> str:
    """Control characters as U+FFFD, one for one: a terminal would obey them, and a page may not hold them."""
    return text.translate(_CONTROLS)


def one_line(text: str) -> str:
    """The same, with line breaks and other runs of white space as single spaces."""
    return " ".join(printable(text).split())
