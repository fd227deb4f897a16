"""The criterion of the `sentiment` head."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from nlu_kit.plugin import Loss


class CumulativeLoss(Loss):
    """Binary cross-entropy of the K - 1 questions "is it more than k steps up?", summed over these and the texts.

    Two steps off is wrong in two questions, and costs more than one step off: cross-entropy over K classes knows no
    such thing.
    """

    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        rated = targets["labels"] >= 0
        logits, labels = outputs["cumulative"].float()[rated], targets["labels"][rated]
        passed = labels[:, None] > torch.arange(logits.shape[1], device=logits.device)
        return F.binary_cross_entropy_with_logits(logits, passed.float(), reduction="sum")

    def denominator(self, targets: Mapping[str, Tensor]) -> Tensor:
        return (targets["labels"] >= 0).sum().float()
