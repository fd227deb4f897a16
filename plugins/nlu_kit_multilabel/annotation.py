"""The labels that an example is annotated with. No torch."""

from __future__ import annotations

from nlu_kit.data.example import Example
from nlu_kit.errors import DataError


def labels_of(example: Example, field: str, separator: str | None) -> tuple[str, ...] | None:
    """The labels in the example's ``<field>s`` or else ``field``, without repeats; None where it has neither.

    A list is taken as it is, a string is one label or, with a ``separator``, cut there. Raises DataError for anything
    else, and for a label that is blank.
    """
    name = f"{field}s" if example.get(f"{field}s") is not None else field
    value = example.get(name)
    if value is None:
        return None
    if isinstance(value, str) and separator:
        value = [part.strip() for part in value.split(separator)]
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    for item in items:
        if not isinstance(item, (str, int, float)) or not str(item).strip():
            raise DataError(
                f"{example.source}: '{name}' must be a label or a list of labels (strings that are not empty) to train "
                f"a head on it, got {example.get(name)!r}"
            )
    return tuple(dict.fromkeys(str(item) for item in items))
