"""Signals that ask a run to end: each ends it as Ctrl-C does, and none of them ends the writing of a model."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_PATIENCE = 3  # requests until even the writing of a model ends


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


@contextmanager
def ending_like_ctrl_c() -> Iterator[None]:
    """SIGTERM (of a job scheduler) and SIGHUP (of a terminal that closes) raise KeyboardInterrupt, as SIGINT does.

    What is ignored stays ignored (``nohup``). Off the main thread, where no handler can be set, nothing changes.
    """
    others = [number for number in _ENDING if number != signal.SIGINT and _is_set(number)]
    with _handling(others, _interrupt):
        yield


@contextmanager
def held_back() -> Iterator[None]:
    """Such signals wait until this is over, and are then forgotten: what they ask for, an end, comes by itself.

    The third ends it all the same.
    """
    asked = 0

    def count(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        if asked >= _PATIENCE:
            _interrupt(number, frame)

    with _handling([number for number in _ENDING if _is_set(number)], count):
        yield


def _is_set(number: int) -> bool:
    return signal.getsignal(number) not in (signal.SIG_IGN, None)


@contextmanager
def _handling(numbers: list[Any], handler: Any) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
