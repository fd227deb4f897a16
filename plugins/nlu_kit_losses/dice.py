"""Self-adjusting dice loss, with cross-entropy beside it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from nlu_kit.plugin import IGNORE, Loss

_LEAST = 1e-6  # of 1 - p: at 0 the power has no gradient for alpha below 1


class Dice(Loss):
    """One minus the self-adjusting dice coefficient, for each target and class, summed over the classes.

    Li et al. 2020, "Dice Loss for Data-imbalanced NLP Tasks": with s = (1 - p)^alpha p and y = 1 for the right class,
    else 0, the coefficient is (2 s y + smooth) / (s + y + smooth). A wrong class costs little as soon as p is small,
    so the many easy ``O`` don't drown the few entities.

    This is the paper's form for a single target, not the one over a whole batch: that one would change with how a
    batch is cut. ``cross_entropy`` times ``-log p`` of the right class is added, because dice alone has next to no
    gradient where p is small, as it is at first.
    """

    def __init__(self, *, alpha: float, smooth: float, cross_entropy: float) -> None:
        super().__init__()
        self.alpha, self.smooth, self.cross_entropy = alpha, smooth, cross_entropy

    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        """The sum over all targets that are not IGNORE: float32 scalar."""
        labels = targets["labels"]
        counted = labels != IGNORE
        log_p = F.log_softmax(outputs["logits"].float(), dim=-1)
        y = F.one_hot(labels.masked_fill(~counted, 0), log_p.shape[-1])
        p = log_p.exp()
        s = (1 - p).clamp_min(_LEAST) ** self.alpha * p
        coefficient = (2 * s * y + self.smooth) / (s + y + self.smooth)
        losses = 1 - coefficient - self.cross_entropy * y * log_p
        return (losses * counted[..., None]).sum()

    def denominator(self, targets: Mapping[str, Tensor]) -> Tensor:
        """The number of targets that are not IGNORE: float32 scalar."""
        return (targets["labels"] != IGNORE).sum(dtype=torch.float32)
