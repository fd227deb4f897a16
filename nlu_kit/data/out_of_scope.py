"""Which examples are out of scope: utterances that none of the intents fits. No torch, no numpy."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from nlu_kit.data.example import Example
from nlu_kit.data.prediction import OUT_OF_SCOPE
from nlu_kit.errors import DataError


def mark_out_of_scope(examples: Sequence[Example], intents: Collection[str]) -> list[Example]:
    """Mark each example whose intent is one of ``intents``, or whose record says ``"out_of_scope": true``.

    These lose their intent, since "none of them" is no intent to learn. All other annotation stays. Raises DataError
    where a record's ``out_of_scope`` is something else than true or false: to take "true" for false would teach the
    opposite of what is meant.
    """
    return [
        replace(example, intent=None, out_of_scope=True) if _is_out(example, intents) else example
        for example in examples
    ]


def _is_out(example: Example, intents: Collection[str]) -> bool:
    said = example.labels.get(OUT_OF_SCOPE)
    if said is not None and not isinstance(said, bool):
        raise DataError(
            f"{example.source or repr(example.text)}: '{OUT_OF_SCOPE}' must be true or false, got {said!r}; write true "
            "without quotes where none of the intents is meant, or leave it out"
        )
    if said:
        return True
    names = (example.intent,) if isinstance(example.intent, str) else example.intent
    return bool(names) and all(name in intents for name in names or ())
