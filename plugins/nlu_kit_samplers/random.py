"""Every example once, shuffled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nlu_kit.plugin import Example
from nlu_kit_samplers.cutting import cut
from nlu_kit_samplers.shares import carries_entities, share


class RandomSampler:
    """A fresh permutation of all examples each epoch, by (seed, epoch)."""

    def __init__(self, examples: Sequence[Example], *, batch_size: int, seed: int) -> None:
        self._carries = carries_entities(examples)
        self._batch_size = batch_size
        self._seed = seed

    def order(self, epoch: int) -> np.ndarray:
        """A permutation of 0..N-1, int64."""
        return np.random.default_rng([self._seed, epoch]).permutation(len(self._carries))

    def batches(self, epoch: int) -> list[list[int]]:
        """The order, cut."""
        return [piece.tolist() for piece in cut(self.order(epoch), self._batch_size)]

    def describe(self) -> Mapping[str, float]:
        """``entity_share``: the share of the examples that carry entities."""
        return {"entity_share": share(self._carries)}
