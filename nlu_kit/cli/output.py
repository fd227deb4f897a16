"""All that the commands print goes through here: what users wrote can't command a terminal, and JSON stays JSON.

``say`` and ``say_json`` print results: where these can't be written, the command ends with the OSError. ``mention``
(progress, on stdout) and ``warn`` (stderr) print remarks: where nobody can read them they are dropped, for no work ends
because nobody listens. A stream that was closed before the start takes everything and keeps nothing.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import sys
from typing import IO, Any

import click

from nlu_kit.data.printable import printable
from nlu_kit.stdout import silence, stdout

# Stands for the ESC of our own styles until a text is printed, so that every other one is somebody else's. A text that
# comes from outside can't hold it, because nobody can know it.
_ESCAPE = f"\x1b{os.urandom(8).hex()}"

# What json.dumps leaves as it is, and a terminal or a reader of lines does not.
_RAW_IN_JSON = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def style(text: str, *, fg: str | None = None, bold: bool | None = None) -> str:
    """``text`` in colour, for ``say`` and the like; the only way to have colours there."""
    return click.style(printable(text), fg=fg, bold=bold).replace("\x1b", _ESCAPE)


def shown(text: str) -> str:
    """``text`` as a terminal may have it: with our own styles, and with symbols for other control characters."""
    return "\x1b".join(printable(part) for part in text.split(_ESCAPE))


def say(text: str = "") -> None:
    """Print a result for people. Raises OSError where it can't be written."""
    click.echo(shown(text), file=stdout())


def say_json(value: Any, *, indent: int | None = None) -> None:
    """Print a result as JSON, in ASCII where stdout is not UTF-8. Raises OSError where it can't be written, ValueError
    for NaN and Infinity, which JSON has not."""
    click.echo(json_text(value, ascii_only=not _is_unicode(stdout()), indent=indent), file=stdout())


def json_text(value: Any, *, ascii_only: bool = False, indent: int | None = None) -> str:
    """``value`` as JSON in which no character can command a terminal or break a line. Raises ValueError for NaN."""
    text = json.dumps(value, ensure_ascii=ascii_only, allow_nan=False, indent=indent)
    return _RAW_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def mention(text: str) -> None:
    """Print a remark to stdout, if that can be."""
    _attempt(text, stdout())


def warn(text: str) -> None:
    """Print a warning or an error to stderr, if that can be."""
    _attempt(text, sys.stderr)


def _attempt(text: str, stream: IO[str] | None) -> None:
    if stream is None:
        return
    try:
        click.echo(shown(text), file=stream)
    except OSError:
        silence(stream)


def _is_unicode(stream: IO[str] | None) -> bool:
    try:
        return codecs.lookup(getattr(stream, "encoding", None) or "ascii").name.startswith("utf")
    except LookupError:
        return False


def prepare_streams() -> None:
    """Call this before anything is opened: the numbers 0 to 2 are for standard streams, closed ones too.

    A file that took such a number would get what native libraries print. stderr is there afterwards, because libraries
    write to it unasked; stdin and stdout stay None where they were closed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed
            # The lowest free number is the one that is given, and this is it. Child processes get it, too.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):  # a terminal that lacks a character must not end a training run
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
