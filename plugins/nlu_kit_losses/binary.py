"""Binary cross-entropy and its focal variant, for heads that give a text several labels."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from nlu_kit.plugin import Loss, LossContext
from nlu_kit_losses import BinaryCrossEntropyParams, BinaryFocalParams

_LEAST = 1e-6  # of 1 - p: at 0 the power has no gradient for gamma below 1


class BinaryCrossEntropy(Loss):
    """``outputs["logits"]`` [B, C] against ``targets["labels"]`` [B, C] float32: 1, 0, or NaN for "not annotated".

    A text's loss is the *sum* over its labels, the likelihood of its set of labels, so that the head weighs as much as
    one with cross-entropy does, however many labels there are; the denominator counts the annotated texts.

    ``positive_weight`` multiplies the loss of the labels that a text has.
    """

    gamma = 0.0

    def __init__(self, params: BinaryCrossEntropyParams, context: LossContext) -> None:
        super().__init__()
        self.positive_weight, self.labels = params.positive_weight, len(context.labels)

    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        """The sum over all labels that are annotated: float32 scalar."""
        labels = targets["labels"].float()
        known = ~labels.isnan()
        labels = torch.where(known, labels, 0.0)
        losses = F.binary_cross_entropy_with_logits(outputs["logits"].float(), labels, reduction="none")
        if self.gamma:
            wrong = (-torch.expm1(-losses)).clamp_min(_LEAST)
            losses = wrong**self.gamma * losses
        return (losses * (1 + (self.positive_weight - 1) * labels) * known).sum()

    def denominator(self, targets: Mapping[str, Tensor]) -> Tensor:
        """The number of texts with an annotated label: float32 scalar."""
        return (~targets["labels"].isnan()).any(dim=-1).sum(dtype=torch.float32)

    def log_prior_shift(self) -> Tensor:
        """The log of ``positive_weight``, by which the odds of every label grow: float32 [C]."""
        return torch.full((self.labels,), self.positive_weight).log()


class BinaryFocal(BinaryCrossEntropy):
    """Each label counts (1 - p)^gamma, p being the probability of what is right (Lin et al. 2017)."""

    def __init__(self, params: BinaryFocalParams, context: LossContext) -> None:
        super().__init__(params, context)
        self.gamma = params.gamma
