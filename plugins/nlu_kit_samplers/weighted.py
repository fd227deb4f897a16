"""Utterances that carry entities, drawn more often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.utils.data import WeightedRandomSampler

from nlu_kit.plugin import Example
from nlu_kit_samplers.cutting import cut
from nlu_kit_samplers.shares import carries_entities, share


class WeightedSampler:
    """N draws with replacement each epoch, by (seed, epoch); one with entities is ``strength`` times as likely."""

    def __init__(self, examples: Sequence[Example], *, strength: float, field: str, batch_size: int, seed: int) -> None:
        self._carries = carries_entities(examples, field)
        self._weights = np.where(self._carries, strength, 1.0)
        self._batch_size = batch_size
        self._seed = seed

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

    def describe(self) -> Mapping[str, float]:
        """The share of utterances with entities: in the data, expected among the draws, and drawn in epoch 0."""
        total = float(self._weights.sum())
        return {
            "entity_share": share(self._carries),
            "expected_entity_share": float(self._weights[self._carries].sum()) / total if total else 0.0,
            "drawn_entity_share": share(self._carries[self.order(0)]),
        }
