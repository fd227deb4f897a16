"""Every example once, shuffled; utterances that carry entities more often; batches of similar length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.utils.data import WeightedRandomSampler

from nlu_kit.plugin import Example, Sampler, SamplerContext
from nlu_kit_samplers import BucketedParams, RandomParams, WeightedParams


class RandomSampler(Sampler):
    """A fresh permutation of all examples each epoch, by (seed, epoch)."""

    def __init__(self, params: RandomParams, context: SamplerContext) -> None:
        self._carries = carries_entities(context.examples)
        self._batch_size, self._seed = context.batch_size, context.seed

    def order(self, epoch: int) -> np.ndarray:
        """A permutation of 0..N-1, int64."""
        return np.random.default_rng([self._seed, epoch]).permutation(len(self._carries))

    def batches(self, epoch: int) -> list[list[int]]:
        """The order, cut."""
        return [piece.tolist() for piece in cut(self.order(epoch), self._batch_size)]

    def describe(self) -> Mapping[str, float]:
        """``entity_share``: the share of the examples that carry entities."""
        return {"entity_share": share(self._carries)}


class WeightedSampler(Sampler):
    """N draws with replacement each epoch, by (seed, epoch); one with entities is ``strength`` times as likely."""

    def __init__(self, params: WeightedParams, context: SamplerContext) -> None:
        self._carries = carries_entities(context.examples, params.field)
        self._weights = np.where(self._carries, params.strength, 1.0)
        self._batch_size, self._seed = context.batch_size, context.seed

    def order(self, epoch: int) -> np.ndarray:
        """N indices, int64; some occur more than once, some not at all."""
        if not len(self._weights):
            return np.empty(0, dtype=np.int64)
        # Neighbouring seeds of torch's generator start out alike; a SeedSequence spreads (seed, epoch) over 64 bits.
        state = np.random.SeedSequence([self._seed, epoch]).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(state[0]))
        draws = WeightedRandomSampler(
            self._weights.tolist(), num_samples=len(self._weights), replacement=True, generator=generator
        )
        return np.fromiter(draws, dtype=np.int64, count=len(self._weights))

    def batches(self, epoch: int) -> list[list[int]]:
        """The order, cut."""
        return [piece.tolist() for piece in cut(self.order(epoch), self._batch_size)]

    def likelihoods(self) -> np.ndarray:
        """``strength`` for those with entities, 1 for the others."""
        return self._weights

    def describe(self) -> Mapping[str, float]:
        """The share of utterances with entities: in the data, expected among the draws, and drawn in epoch 0."""
        total = float(self._weights.sum())
        return {
            "entity_share": share(self._carries),
            "expected_entity_share": float(self._weights[self._carries].sum()) / total if total else 0.0,
            "drawn_entity_share": share(self._carries[self.order(0)]),
        }


class BucketedSampler(Sampler):
    """The draws of ``base``, pool by pool sorted by length, so that a batch pads little.

    Each index is drawn exactly as often as ``base`` draws it. Pools (``pool_batches`` batches each) keep the mixing:
    only neighbours in ``base``'s order can meet in a batch, and the batches are shuffled. Ties in length stay in
    ``base``'s order, which is random already.
    """

    def __init__(self, params: BucketedParams, context: SamplerContext) -> None:
        self._base = context.nested(params.base)
        self._lengths = np.asarray(context.lengths)
        self._batch_size, self._seed = context.batch_size, context.seed
        self._pool_size = params.pool_batches * context.batch_size

    def order(self, epoch: int) -> np.ndarray:
        """The indices of all batches, one batch after the other."""
        return np.concatenate([np.empty(0, dtype=np.int64), *self._plan(epoch)])

    def batches(self, epoch: int) -> list[list[int]]:
        """Batches of ``batch_size`` indices; one of them is smaller where the number of draws doesn't divide."""
        return [batch.tolist() for batch in self._plan(epoch)]

    def likelihoods(self) -> np.ndarray | None:
        """``base``'s."""
        return self._base.likelihoods()

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


def cut(order: np.ndarray, size: int) -> list[np.ndarray]:
    """Consecutive pieces of ``order`` [M], each of ``size`` indices but for a shorter last one."""
    return [order[start : start + size] for start in range(0, len(order), size)]


def carries_entities(examples: Sequence[Example], field: str = "entities") -> np.ndarray:
    """[N] bool: whether that field of an example holds something; one that is not annotated counts as without."""
    return np.array([bool(example.get(field)) for example in examples], dtype=bool)


def share(flags: np.ndarray) -> float:
    """The share of True among ``flags`` [N]; 0 where N is 0."""
    return float(flags.mean()) if len(flags) else 0.0
