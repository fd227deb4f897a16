"""Arguments of the Python API, checked where they come in: a TypeError or ValueError names the one that is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import Any


def a_path(name: str, value: Any) -> Path:
    """``value`` as a Path. Raises TypeError for anything but a str or a path of text."""
    try:
        return Path(value)
    except TypeError:
        raise TypeError(f"{name} must be a path (str or Path), got {_kind(value)}") from None


def strings(name: str, value: Any) -> list[str]:
    """The str in any iterable, gone through once. Raises TypeError for others, and for one str in place of several."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a list or another iterable of str, got {_kind(value)}")
    found = list(value)
    for item in found:
        if not isinstance(item, str):
            raise TypeError(f"{name} must hold str only, got {_kind(item)}")
    return found


def whole_number(name: str, value: Any, *, least: int) -> int:
    """``value`` as an int. Raises TypeError where it is none (True is none), ValueError where it is below ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, got {_kind(value)}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return int(value)


def is_finite(value: Any) -> bool:
    """Whether ``value`` is a number that a float holds; True and False are none."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(float(value))
    except OverflowError:
        return False


def _kind(value: Any) -> str:
    return f"{type(value).__name__}: {value!r}"
