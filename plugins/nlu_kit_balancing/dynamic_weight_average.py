"""Weights from how fast each task's loss falls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from nlu_kit.plugin import Balancing


class DynamicWeightAverage(Balancing):
    """Dynamic weight average (Liu, Johns & Davison 2019): what learns slowly counts more.

    The weight of head k in an epoch is K·softmax(r / temperature)_k over the K heads, where r_k is the head's mean loss
    in the epoch before divided by that in the epoch before it. The first two epochs weigh all heads with 1. State lives
    in buffers, so that a checkpoint holds it: ``previous`` [K], the losses of the last epoch (NaN before there is one),
    and ``weights`` [K].
    """

    previous: Tensor
    weights: Tensor

    def __init__(self, heads: Sequence[str], *, temperature: float) -> None:
        super().__init__()
        self.heads = tuple(heads)
        self.temperature = temperature
        self.register_buffer("previous", torch.full((len(self.heads),), math.nan))
        self.register_buffer("weights", torch.ones(len(self.heads)))

    def forward(self, losses: Mapping[str, Tensor], *, share: float = 1.0) -> Tensor:
        """Scalars by head name (at least one) to their weighted sum."""
        pairs = zip(self.heads, self.weights.unbind(), strict=True)
        return torch.stack([weight * losses[head] for head, weight in pairs if head in losses]).sum()

    def end_epoch(self, losses: Mapping[str, float]) -> None:
        """Set the next epoch's weights. A loss that was 0, or that a head did not have, counts as one that stays."""
        current = self.previous.new_tensor([losses.get(head, math.nan) for head in self.heads])
        ratios = current / self.previous
        if not self.previous.isnan().all():
            ratios = torch.where(ratios.isfinite(), ratios, 1.0)
            self.weights.copy_(len(self.heads) * torch.softmax(ratios / self.temperature, dim=0))
        self.previous.copy_(current)
