"""Panics of Rust libraries: errors that ``except Exception`` lets through, and that write to the process's stderr."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from nlu_kit.errors import ModelError
from nlu_kit.process import is_ours

_PANIC = re.compile(rb"\n?thread '[^']*' (?:\(\d+\) )?panicked at .*?(?:\nnote: [^\n]*\n|\Z)", re.DOTALL)
_STDERR = 2
_lock = threading.Lock()


@contextmanager
def rust_errors(what: str) -> Iterator[None]:
    """Raise ModelError, ``what`` and the reason, for the exceptions of a Rust library, its panics too."""
    try:
        yield
    except MemoryError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise ModelError(f"{what}: {' '.join(str(error).split())}") from error


@contextmanager
def silent_panics() -> Iterator[None]:
    """Keep from the user of a command what Rust writes to stderr in a panic: a message, maybe a stack.

    That can't be switched off from Python, so the descriptor is turned aside; what else is written to it meanwhile, by
    another thread, is passed on afterwards. For short steps only, and only in a process of our own: elsewhere a child
    that another thread starts meanwhile would lose its stderr for good.
    """
    if not is_ours():
        yield
        return
    with _lock, ExitStack() as stack:
        try:
            stderr = os.dup(_STDERR)
            stack.callback(os.close, stderr)
            aside = stack.enter_context(tempfile.TemporaryFile())
            os.dup2(aside.fileno(), _STDERR)
        except OSError:  # it is closed, or nothing can be written anywhere: then a panic shows
            yield
            return
        try:
            yield
        finally:
            os.dup2(stderr, _STDERR)
            aside.seek(0)
            with suppress(OSError):
                os.write(stderr, _PANIC.sub(b"", aside.read()))
