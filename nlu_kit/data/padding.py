"""Encoded texts as padded arrays, which is what every runtime feeds its network. No torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nlu_kit.data.encoding import NO_WORD, Encoding
from nlu_kit.data.words import NO_SHAPE

INPUTS = ("ids", "mask", "words", "shapes")
"""The arrays of ``pad``."""


def pad(encodings: Sequence[Encoding], *, pad_id: int, only: Sequence[str] = INPUTS) -> dict[str, np.ndarray]:
    """``ids``, ``mask``, ``words`` and ``shapes`` [B, T] (or ``only`` some of these), as TokenBatch explains them,
    padded to the longest text.

    A text without tokens (an empty one, where the tokenizer has no special tokens) is a single padding token that is
    seen, so that there is something to attend to.
    """
    ids = np.full((len(encodings), max(1, *map(len, encodings))), pad_id, dtype=np.int64)
    mask = np.zeros(ids.shape, dtype=bool)
    for row, encoding in enumerate(encodings):
        ids[row, : len(encoding)] = encoding.ids
        mask[row, : max(1, len(encoding))] = True
    padded = {"ids": ids, "mask": mask}
    if "words" in only:
        padded["words"] = np.full_like(ids, NO_WORD)
        for row, encoding in enumerate(encodings):
            padded["words"][row, : len(encoding)] = encoding.token_words
    if "shapes" in only:
        padded["shapes"] = np.full_like(ids, NO_SHAPE)
        for row, encoding in enumerate(encodings):
            padded["shapes"][row, : len(encoding)] = encoding.token_shapes
    return {name: padded[name] for name in only}
