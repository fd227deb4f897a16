"""What a process that forks must do so that its children can predict (gunicorn --preload, multiprocessing on Linux)."""

from __future__ import annotations

import os
from functools import cache

import torch

_TOKENIZERS = "TOKENIZERS_PARALLELISM"


@cache
def survive_forks() -> None:
    """See to it, once for this process, that its forked children predict, each with one thread.

    A child has none of its parent's threads, but torch and tokenizers believe in them and wait for ever. So a child
    begins with one thread for torch. The tokenizers library looks at its variable during the fork itself (and warns on
    stderr where it says nothing), so that is set before, and in the parent put back as it was.
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

    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=lambda: torch.set_num_threads(1))
