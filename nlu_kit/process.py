"""Whose process this is. The command line may silence in its own what libraries print there; in somebody else's,
nothing that belongs to the whole process is redirected or filtered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_ours = False


@contextmanager
def own_process() -> Iterator[None]:
    """For a command: until it ends, this process is nlu-kit's alone."""
    global _ours
    before, _ours = _ours, True
    try:
        yield
    finally:
        _ours = before


def is_ours() -> bool:
    """Whether what belongs to the whole process may be changed: file descriptors, filters of warnings."""
    return _ours
