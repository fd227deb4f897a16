"""Which examples are out of scope: utterances that none of the intents fits. No torch, no numpy."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from nlu_kit.data.example import Example
from nlu_kit.data.prediction import OUT_OF_SCOPE


def mark_out_of_scope(examples: Sequence[Example], intents: Collection[str]) -> list[Example]:
    """Mark each example whose intent is one of ``intents``, or whose record says ``"out_of_scope": true``.

    These lose their intent, since "none of them" is no intent to learn. All other annotation stays.
    """
    return [
        replace(example, intent=None, out_of_scope=True) if _is_out(example, intents) else example
        for example in examples
    ]


def _is_out(example: Example, intents: Collection[str]) -> bool:
    if example.labels.get(OUT_OF_SCOPE) is True:
        return True
    names = (example.intent,) if isinstance(example.intent, str) else example.intent
    return bool(names) and all(name in intents for name in names or ())
