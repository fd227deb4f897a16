"""A weighted sum of the heads' losses."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nlu_kit.plugin import Balancing


class WeightedSumOfLosses(Balancing):
    """The sum of the heads' mean losses, each times ``weights[head]``; 1 for a head that is not named."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.weights = dict(weights)

    def forward(self, losses: Mapping[str, Tensor], *, share: float = 1.0) -> Tensor:
        """Scalars by head name (at least one) to their weighted sum."""
        return torch.stack([self.weights.get(head, 1.0) * loss for head, loss in losses.items()]).sum()
