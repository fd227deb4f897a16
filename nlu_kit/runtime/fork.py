"""What a process that forks must do so that its children can predict (gunicorn --preload, multiprocessing on Linux)."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

_TOKENIZERS = "TOKENIZERS_PARALLELISM"


@cache
def survive_forks() -> None:
    """See to it, once for this process, that its forked children can tokenise.

    A child has none of its parent's threads, but the tokenizers library believes in them and waits for ever. It looks
    at its variable during the fork itself (and warns on stderr where that says nothing), so this is set before, and in
    the parent put back as it was.
    """
    if not hasattr(os, "register_at_fork"):  # Windows, which does not fork
        return
    said: list[str | None] = []

    def before() -> None:
        said.append(os.environ.get(_TOKENIZERS))
        os.environ[_TOKENIZERS] = "false"

    def in_parent() -> None:
        value = said.pop()
        if value is None:
            os.environ.pop(_TOKENIZERS, None)
        else:
            os.environ[_TOKENIZERS] = value

    os.register_at_fork(before=before, after_in_parent=in_parent)


@cache
def on_fork(function: Callable[..., Any], *arguments: Any) -> None:
    """Call ``function`` in every child that is forked from now on; once, however often this is asked for."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: function(*arguments))
