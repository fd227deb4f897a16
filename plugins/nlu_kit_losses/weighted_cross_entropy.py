"""Cross-entropy with a weight for each class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nlu_kit.plugin import IGNORE, Loss


class WeightedCrossEntropy(Loss):
    """As ``CrossEntropy``, each target times the weight of its class; the denominator is the targets' summed weight.

    ``weights`` [C] > 0. Only their ratios matter to the mean. They are a buffer (they follow the module to its
    device) but no part of its state: they follow from the configuration and the training data.
    """

    weights: Tensor

    def __init__(self, weights: np.ndarray, *, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        self.register_buffer("weights", torch.as_tensor(weights, dtype=torch.float32), persistent=False)

    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum over all targets that are not IGNORE: float32 scalar."""
        logits = outputs["logits"].float()
        return F.cross_entropy(
            logits.reshape(-1, logits.shape[-1]),
            targets["labels"].reshape(-1),
            weight=self.weights.float(),
            ignore_index=IGNORE,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )

    def denominator(self, targets: Mapping[str, Tensor]) -> Tensor:
        """The summed weight of the targets that are not IGNORE: float32 scalar."""
        labels = targets["labels"]
        counted = labels != IGNORE
        # IGNORE indexes no class: read any weight there and drop it, which keeps the shapes static.
        weights = self.weights.float()[labels.masked_fill(~counted, 0)]
        return (weights * counted).sum()
