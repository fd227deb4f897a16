"""Batches of similar length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nlu_kit.plugin import Sampler
from nlu_kit_samplers.cutting import cut


class BucketedSampler:
    """The draws of ``base``, pool by pool sorted by length, so that a batch pads little.

    Each index is drawn exactly as often as ``base`` draws it. Pools (``pool_batches`` batches each) keep the mixing:
    only neighbours in ``base``'s order can meet in a batch, and the batches are shuffled. Ties in length stay in
    ``base``'s order, which is random already.
    """

    def __init__(self, base: Sampler, *, lengths: np.ndarray, batch_size: int, pool_batches: int, seed: int) -> None:
        self._base = base
        self._lengths = np.asarray(lengths)
        self._batch_size = batch_size
        self._pool_size = pool_batches * batch_size
        self._seed = seed

    def order(self, epoch: int) -> np.ndarray:
        """The indices of all batches, one batch after the other."""
        return np.concatenate([np.empty(0, dtype=np.int64), *self._plan(epoch)])

    def batches(self, epoch: int) -> list[list[int]]:
        """Batches of ``batch_size`` indices; one of them is smaller where the number of draws doesn't divide."""
        return [batch.tolist() for batch in self._plan(epoch)]

    def describe(self) -> Mapping[str, float]:
        """``base``'s figures, and tokens computed per token needed: in these batches, and in ``base``'s own."""
        return {
            **self._base.describe(),
            "padding_ratio": self._padding_ratio(self._plan(0)),
            "plain_padding_ratio": self._padding_ratio(cut(self._base.order(0), self._batch_size)),
        }

    def _plan(self, epoch: int) -> list[np.ndarray]:
        batches: list[np.ndarray] = []
        for pool in cut(self._base.order(epoch), self._pool_size):
            by_length = pool[np.argsort(self._lengths[pool], kind="stable")]
            batches += cut(by_length, self._batch_size)
        # A stream of its own: the base sampler draws from (seed, epoch).
        shuffle = np.random.default_rng([self._seed, epoch, 1]).permutation(len(batches))
        return [batches[position] for position in shuffle]

    def _padding_ratio(self, batches: Sequence[np.ndarray]) -> float:
        computed = sum(int(self._lengths[batch].max()) * len(batch) for batch in batches)
        needed = sum(int(self._lengths[batch].sum()) for batch in batches)
        return computed / needed if needed else 1.0
