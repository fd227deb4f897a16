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


class EndedBySignal(KeyboardInterrupt):
    """Ctrl-C, or a signal that is treated like it: ``number``, and what there is to be ``said`` of it."""

    def __init__(self, number: int, said: str = "") -> None:
        super().__init__(said or signal.Signals(number).name)
        self.number, self.said = number, said


def ended(error: KeyboardInterrupt, way: str) -> EndedBySignal:
    """The same end, with how to go on behind what was said already."""
    said = [text for text in (getattr(error, "said", ""), way) if text]
    return EndedBySignal(getattr(error, "number", signal.SIGINT), "; ".join(said))


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise EndedBySignal(number)


class Ending:
    """Whether somebody has asked for an end: the signal's ``number``, or None."""

    def __init__(self) -> None:
        self.number: int | None = None


@contextmanager
def at_the_next_step() -> Iterator[Ending]:
    """Ctrl-C, and SIGTERM and SIGHUP where they are treated like it, are noted the first time; the second raises."""
    ending = Ending()

    def note(number: int, frame: FrameType | None) -> None:
        if ending.number is not None:
            _interrupt(number, frame)
        ending.number = number

    with _handling([number for number in _ENDING if callable(signal.getsignal(number))], note):
        yield ending


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
