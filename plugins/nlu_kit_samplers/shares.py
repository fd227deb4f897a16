"""Who carries entities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nlu_kit.plugin import Example


def carries_entities(examples: Sequence[Example], field: str = "entities") -> np.ndarray:
    """[N] bool: whether that field of an example holds something; one that is not annotated counts as without."""
    return np.array([bool(example.get(field)) for example in examples], dtype=bool)


def share(flags: np.ndarray) -> float:
    """The share of True among ``flags`` [N]; 0 where N is 0."""
    return float(flags.mean()) if len(flags) else 0.0
