"""Weights learnt from each task's uncertainty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from nlu_kit.plugin import Balancing


class UncertaintyWeighting(Balancing):
    """Homoscedastic-uncertainty weighting (Kendall, Gal & Cipolla 2018), in its form for classification.

    Each head k has a learnable log-variance s_k = log σ_k², and the total is the sum of exp(-s_k)·L_k + s_k / 2: the
    paper's L_k / σ_k² + log σ_k. (Its form for regression, with L_k / (2σ_k²), differs by a constant.) All s_k begin at
    0, so training begins with the plain sum. The s_k train at the learning rate that the freezing strategy gives to
    learnable objectives, and without weight decay.
    """

    def __init__(self, heads: Sequence[str]) -> None:
        super().__init__()
        self.heads = tuple(heads)
        self.log_variances = nn.Parameter(torch.zeros(len(self.heads)))

    def forward(self, losses: Mapping[str, Tensor], *, share: float = 1.0) -> Tensor:
        """Scalars by head name (at least one) to the weighted sum; a head that is left out adds nothing."""
        chosen = [position for position, head in enumerate(self.heads) if head in losses]
        log_variances = self.log_variances[chosen]
        values = torch.stack([losses[self.heads[position]] for position in chosen])
        return (torch.exp(-log_variances) * values + share * log_variances / 2).sum()
