"""The stars that an example is annotated with. No torch."""

from __future__ import annotations

import re
from typing import Any

from nlu_kit.plugin import DataError, Example
from nlu_kit_sentiment.params import SentimentParams

_DIGITS = re.compile(r"\s*[+-]?[0-9]{1,9}\s*")


def stars_of(example: Example, params: SentimentParams) -> int | None:
    """The stars in the field that the params name; None where the example has none.

    Raises DataError, with the example's source, for anything that is no whole number on the scale.
    """
    value = example.get(params.field)
    if value is None:
        return None
    stars = _whole(value)
    if stars is None or not params.lowest <= stars <= params.highest:
        raise DataError(
            f"{example.source}: '{params.field}' must be a whole number from {params.lowest} to {params.highest}, got "
            f"{value!r}; mend it, leave it out where nobody has rated, or set lowest and highest of the head"
        )
    return stars


def _whole(value: Any) -> int | None:
    """The whole number that ``value`` is, or that it spells: a reader of tables gives text."""
    if isinstance(value, bool):  # an int in Python, and no stars
        return None
    if isinstance(value, str):
        return int(value) if _DIGITS.fullmatch(value) else None
    return int(value) if isinstance(value, (int, float)) and float(value).is_integer() else None
