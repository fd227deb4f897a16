"""The scores of pairs of spans, from what the head puts out for each token. numpy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nlu_kit_relations.places import Place


def pair_logits(queries: np.ndarray, keys: np.ndarray, places: Sequence[Place]) -> np.ndarray:
    """Logits [E, E, C] of all ordered pairs of E spans, from ``queries`` [T, C, R] and ``keys`` [T, R].

    A span is the mean of its first and its last token. In float64: a product of two large float32 may be no number.
    """
    first, last = ([place.first for place in places], [place.last for place in places])
    heads = (queries[first].astype(np.float64) + queries[last]) / 2
    tails = (keys[first].astype(np.float64) + keys[last]) / 2
    found: np.ndarray = np.einsum("icr,jr->ijc", heads, tails)
    return found
