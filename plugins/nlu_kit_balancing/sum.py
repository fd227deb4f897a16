"""L = L_intent + L_NER."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nlu_kit.plugin import Balancing


class SumOfLosses(Balancing):
    """The sum of the heads' mean losses."""

    def forward(self, losses: Mapping[str, Tensor], *, share: float = 1.0) -> Tensor:
        """Scalars by head name (at least one) to their sum."""
        return torch.stack(list(losses.values())).sum()
