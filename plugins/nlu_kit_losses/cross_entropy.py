"""Plain cross-entropy."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from nlu_kit.plugin import IGNORE, Loss


class CrossEntropy(Loss):
    """Cross-entropy of ``outputs["logits"]`` [..., C] against ``targets["labels"]`` [...] int64.

    Works per sentence ([B, C], [B]) and per token ([B, T, C], [B, T]) alike. Computed in float32 whatever the
    logits' type: bfloat16 has too few digits for a log-softmax. Without any target the sum is 0 and its gradient 0.
    """

    def __init__(self, *, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        """The sum over all targets that are not IGNORE: float32 scalar."""
        logits = outputs["logits"].float()
        return F.cross_entropy(
            logits.reshape(-1, logits.shape[-1]),
            targets["labels"].reshape(-1),
            ignore_index=IGNORE,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )

    def denominator(self, targets: Mapping[str, Tensor]) -> Tensor:
        """The number of targets that are not IGNORE: float32 scalar."""
        return (targets["labels"] != IGNORE).sum(dtype=torch.float32)
