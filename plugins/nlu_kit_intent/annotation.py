"""The label that an example is annotated with. No torch."""

from __future__ import annotations

import json
from typing import Any

from nlu_kit.data.example import Example
from nlu_kit.errors import DataError


def label_of(example: Example, field: str) -> str | None:
    """The label in a field of the example, as text; None where it has none of that name.

    Raises DataError where the field holds a list or an object: one sentence has one label here.
    """
    value = example.get(field)
    if value is None:
        return None
    if not isinstance(value, (str, int, float)):
        raise DataError(
            f"{example.source}: '{field}' must be one label (a string) for the head 'intent', got {_shown(value)}; the "
            "head 'multilabel_intent' takes several"
        )
    return str(value)


def _shown(value: Any) -> str:
    """As the file has it."""
    return json.dumps(value, ensure_ascii=False, default=repr)
