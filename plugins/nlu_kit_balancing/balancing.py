"""Sums of the heads' losses, with weights of one kind or another."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nlu_kit.plugin import Balancing, BalancingContext, ConfigError, Problem, did_you_mean
from nlu_kit_balancing import DynamicWeightAverageParams, SumParams, UncertaintyParams, WeightedParams


class SumOfLosses(Balancing):
    """The sum of the heads' mean losses."""

    def __init__(self, params: SumParams, context: BalancingContext) -> None:
        super().__init__()

    def forward(self, losses: Mapping[str, Tensor], *, share: float = 1.0) -> Tensor:
        """Scalars by head name (at least one) to their sum."""
        return torch.stack(list(losses.values())).sum()


class WeightedSumOfLosses(Balancing):
    """The sum of the heads' mean losses, each times ``weights[head]``; 1 for a head that is not named."""

    def __init__(self, params: WeightedParams, context: BalancingContext) -> None:
        """Raises ConfigError, with every name in ``weights`` that is no head."""
        super().__init__()
        problems = [
            Problem(
                f"balancing.weights.{name}",
                f"the pipeline has no head '{name}'",
                f"{did_you_mean(name, context.heads)}its heads: {', '.join(context.heads)}",
            )
            for name in params.weights
            if name not in context.heads
        ]
        if problems:
            raise ConfigError(problems)
        self.weights = dict(params.weights)

    def forward(self, losses: Mapping[str, Tensor], *, share: float = 1.0) -> Tensor:
        """Scalars by head name (at least one) to their weighted sum."""
        return torch.stack([self.weights.get(head, 1.0) * loss for head, loss in losses.items()]).sum()


class UncertaintyWeighting(Balancing):
    """Homoscedastic-uncertainty weighting (Kendall, Gal & Cipolla 2018), in its form for classification.

    Each head k has a learnable log-variance s_k = log σ_k², and the total is the sum of exp(-s_k)·L_k + s_k / 2: the
    paper's L_k / σ_k² + log σ_k. (Its form for regression, with L_k / (2σ_k²), differs by a constant.) All s_k begin at
    0, so training begins with the plain sum. The s_k train at the learning rate that the freezing strategy gives to
    learnable objectives, and without weight decay.
    """

    def __init__(self, params: UncertaintyParams, context: BalancingContext) -> None:
        super().__init__()
        self.heads = tuple(context.heads)
        self.log_variances = nn.Parameter(torch.zeros(len(self.heads)))

    def forward(self, losses: Mapping[str, Tensor], *, share: float = 1.0) -> Tensor:
        """Scalars by head name (at least one) to the weighted sum; a head that is left out adds nothing."""
        chosen = [position for position, head in enumerate(self.heads) if head in losses]
        log_variances = self.log_variances[chosen]
        values = torch.stack([losses[self.heads[position]] for position in chosen])
        return (torch.exp(-log_variances) * values + share * log_variances / 2).sum()


class DynamicWeightAverage(Balancing):
    """Dynamic weight average (Liu, Johns & Davison 2019): what learns slowly counts more.

    The weight of head k in an epoch is K·softmax(r / temperature)_k over the K heads, where r_k is the head's mean loss
    in the epoch before divided by that in the epoch before it. The first two epochs weigh all heads with 1. State lives
    in buffers, so that a checkpoint holds it: ``previous`` [K], the losses of the last epoch (NaN before there is one),
    and ``weights`` [K].
    """

    previous: Tensor
    weights: Tensor

    def __init__(self, params: DynamicWeightAverageParams, context: BalancingContext) -> None:
        super().__init__()
        self.heads = tuple(context.heads)
        self.temperature = params.temperature
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
