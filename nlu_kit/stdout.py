"""While a command of ours works, stdout is for its answers alone: what plugins and libraries print goes to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TextIO

_answers: TextIO | None = None


def stdout() -> TextIO | None:
    """Where answers go; None where stdout was closed before the start."""
    return sys.stdout if _answers is None else _answers


@contextmanager
def answers_only() -> Iterator[None]:
    """Keep stdout for what is written to ``stdout()``. What others print to ``sys.stdout``, or to the number 1 (native
    libraries, child processes), goes to stderr.

    This is for the command line, whose process it is; nested, the outer one counts. Raises OSError where the last of
    the answers can't be written.
    """
    global _answers
    if _answers is not None or sys.stdout is None:
        yield
        return
    before = sys.stdout
    own = _set_aside(before)
    _answers, sys.stdout = own or before, sys.stderr
    try:
        yield
    finally:
        _answers, sys.stdout = None, before
        if own is not None:
            _put_back(own)


def _set_aside(stream: TextIO) -> TextIO | None:
    """A stream of another number to where stdout leads, and stderr in its place; None where ``stream`` is no file, or
    not number 1, as under a test runner."""
    try:
        if stream.fileno() != 1:
            return None
    except (OSError, ValueError):
        return None
    stream.flush()
    own = os.fdopen(os.dup(1), "w", encoding=stream.encoding, errors=stream.errors)
    os.dup2(2, 1)
    return own


def _put_back(own: TextIO) -> None:
    os.dup2(own.fileno(), 1)
    try:
        own.flush()
    except OSError:
        silence(own)
        raise
    finally:
        own.close()


def silence(stream: IO[str] | None) -> None:
    """Point a stream that can't be written at nothing, so that what it still holds has nowhere to fail."""
    if stream is None:
        return
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):  # no real file, as under a test runner
        return
