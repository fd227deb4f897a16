"""Focal loss."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from nlu_kit.plugin import IGNORE, LossContext
from nlu_kit_losses import FocalParams
from nlu_kit_losses.cross_entropy import ClassWeighted

_LEAST = 1e-6  # of 1 - p: at 0 the power has no gradient for gamma below 1


class Focal(ClassWeighted):
    """``-w (1 - p)^gamma log p`` for each target, p being the probability of its class and w that class's weight.

    Lin et al. 2017, "Focal Loss for Dense Object Detection", eq. 5, with softmax; ``weights`` [C] > 0 are its alpha.
    With ``gamma`` 0 it is ``WeightedCrossEntropy``, and it has the same denominator: the targets' summed weight.
    """

    def __init__(self, params: FocalParams, context: LossContext) -> None:
        super().__init__(params, context)
        self.gamma = params.gamma

    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        """The sum over all targets that are not IGNORE: float32 scalar."""
        labels = targets["labels"]
        counted = labels != IGNORE
        labels = labels.masked_fill(~counted, 0)
        log_p = F.log_softmax(outputs["logits"].float(), dim=-1).gather(-1, labels[..., None]).squeeze(-1)
        wrong = (-torch.expm1(log_p)).clamp_min(_LEAST)
        return -(self.weights.float()[labels] * wrong**self.gamma * log_p * counted).sum()
