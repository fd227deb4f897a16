"""What a record holds beside its text, as JSON has it. No torch, no numpy."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any


def json_value(value: Any) -> Any:
    """``value`` for JSON, whatever it is: NaN is null; infinity, decimals and what JSON lacks become text, dates and
    times ISO 8601, bytes base64."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None if math.isnan(value) else _infinity(value)
        case Decimal():
            return None if value.is_nan() else str(value) if value.is_finite() else _infinity(value)
        case Mapping():
            return {key if isinstance(key, str) else str(json_value(key)): json_value(v) for key, v in value.items()}
        case list() | tuple() | set() | frozenset():
            return [json_value(item) for item in value]
        case datetime() | date() | time():
            return value.isoformat() if value == value else None  # pandas has a date that is none
        case timedelta():
            return duration(value // timedelta(microseconds=1), digits=6)
        case bytes() | bytearray() | memoryview():
            return b64encode(value).decode()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: json_value(getattr(value, field.name)) for field in fields(value)}
    if hasattr(value, "tolist"):  # a scalar or an array of numpy, which this module must not import
        return json_value(value.tolist())
    return str(value)


def duration(count: int, *, digits: int) -> str:
    """ISO 8601, for so many times ``10 ** -digits`` seconds."""
    seconds, fraction = seconds_of(abs(count), digits=digits)
    return f"{'-' if count < 0 else ''}PT{seconds}{fraction}S"


def seconds_of(count: int, *, digits: int) -> tuple[int, str]:
    """Whole ones, and what is beyond them, such as ``.25``."""
    seconds, rest = divmod(count, 10**digits)
    return seconds, f".{rest:0{digits}}".rstrip("0") if rest else ""


def _infinity(value: float | Decimal) -> str:
    return "Infinity" if value > 0 else "-Infinity"
