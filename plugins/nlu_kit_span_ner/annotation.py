"""The spans that an example is annotated with. No torch."""

from __future__ import annotations

from collections.abc import Sequence

from nlu_kit.data.example import Entity, Example
from nlu_kit.errors import DataError


def entities_of(example: Example, field: str) -> Sequence[Entity] | None:
    """The entities in a field of the example; None where it has none of that name.

    Raises DataError where the field holds something else.
    """
    value = example.get(field)
    if value is None:
        return None
    if not isinstance(value, Sequence) or not all(isinstance(item, Entity) for item in value):
        raise DataError(
            f'{example.source}: \'{field}\' must be a list of {{"start", "end", "label"}} objects to train a head on '
            f"it, got {value!r}"
        )
    return value
