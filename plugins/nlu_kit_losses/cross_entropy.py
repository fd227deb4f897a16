"""Cross-entropy, plain and with a weight for each class."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from nlu_kit.plugin import IGNORE, Loss, LossContext
from nlu_kit_losses import ClassWeightParams, CrossEntropyParams, WeightedCrossEntropyParams
from nlu_kit_losses.class_weights import weights_for


class CrossEntropy(Loss):
    """Cross-entropy of ``outputs["logits"]`` [..., C] against ``targets["labels"]`` [...] int64.

    Works per sentence ([B, C], [B]) and per token ([B, T, C], [B, T]) alike. Computed in float32 whatever the
    logits' type: bfloat16 has too few digits for a log-softmax. Without any target the sum is 0 and its gradient 0.
    """

    def __init__(self, params: CrossEntropyParams, context: LossContext) -> None:
        super().__init__()
        self.label_smoothing = params.label_smoothing

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


class ClassWeighted(Loss):
    """A loss that multiplies each target by the weight of its class; the denominator is the targets' summed weight.

    ``weights`` [C] > 0. Only their ratios matter to the mean. They are a buffer (they follow the module to its
    device) but no part of its state: they follow from the configuration and the training data.
    """

    weights: Tensor

    def __init__(self, params: ClassWeightParams, context: LossContext) -> None:
        """Raises ConfigError for a weight given by hand of a label that the head lacks."""
        super().__init__()
        weights = torch.as_tensor(weights_for(params, context), dtype=torch.float32)
        self.register_buffer("weights", weights, persistent=False)

    def denominator(self, targets: Mapping[str, Tensor]) -> Tensor:
        """The summed weight of the targets that are not IGNORE: float32 scalar."""
        labels = targets["labels"]
        counted = labels != IGNORE
        # IGNORE indexes no class: read any weight there and drop it, which keeps the shapes static.
        weights = self.weights.float()[labels.masked_fill(~counted, 0)]
        return (weights * counted).sum()

    def log_prior_shift(self) -> Tensor:
        """The log of the weights, float32 [C]."""
        return self.weights.float().log()


class WeightedCrossEntropy(ClassWeighted):
    """As ``CrossEntropy``, with a weight for each class."""

    def __init__(self, params: WeightedCrossEntropyParams, context: LossContext) -> None:
        super().__init__(params, context)
        self.label_smoothing = params.label_smoothing

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
