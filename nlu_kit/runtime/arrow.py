"""The values of a parquet file as JSON has them: exact to the nanosecond, and the same with pandas and without."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pyarrow

from nlu_kit.runtime.values import duration, json_value, seconds_of

_EPOCH = datetime(1970, 1, 1)
_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


def records(batch: pyarrow.RecordBatch, text: str) -> Iterator[dict[str, Any] | str]:
    """Each row by column, or why it can't be read. The column ``text`` stays as it is."""
    columns = list(zip(batch.schema.names, batch.columns, strict=True))
    for at in range(batch.num_rows):
        record: dict[str, Any] = {}
        for name, values in columns:
            try:
                record[name] = values[at].as_py() if name == text else _value(values[at])
            except (ValueError, ArithmeticError, pyarrow.ArrowException) as error:
                yield f"the column '{name}' can't be read: {error}"
                break
        else:
            yield record


def _value(scalar: Any) -> Any:
    """Raises ValueError, OverflowError or ArrowException for what stands for no text, no date and no number."""
    if not scalar.is_valid:
        return None
    match scalar:
        case pyarrow.TimestampScalar():
            moment, fraction = _moment(scalar)
            return moment.isoformat() + fraction + ("Z" if scalar.type.tz else "")
        case pyarrow.Time32Scalar() | pyarrow.Time64Scalar():
            moment, fraction = _moment(scalar)
            return moment.time().isoformat() + fraction
        case pyarrow.DurationScalar():
            return duration(scalar.value, digits=_DIGITS[scalar.type.unit])
        case pyarrow.DictionaryScalar():
            return _value(scalar.value)
        case pyarrow.StructScalar():
            return {name: _value(item) for name, item in scalar.items()}
        case pyarrow.MapScalar():
            return [[_value(item) for _, item in pair.items()] for pair in scalar.values]
        case pyarrow.ListScalar():
            return [_value(item) for item in scalar.values]
    return json_value(scalar.as_py())


def _moment(scalar: Any) -> tuple[datetime, str]:
    """In UTC, where there is a time zone. Raises OverflowError beyond the years from 1 to 9999."""
    seconds, fraction = seconds_of(scalar.value, digits=_DIGITS[scalar.type.unit])
    return _EPOCH + timedelta(seconds=seconds), fraction
