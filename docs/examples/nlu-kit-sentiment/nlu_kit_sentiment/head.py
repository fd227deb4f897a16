"""The torch half of the `sentiment` head: K - 1 questions, "is it more than k steps up?", that share their weights.

Cao, Mirjalili and Raschka 2020, "Rank consistent ordinal regression for neural networks".
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nlu_kit.plugin import Encoded, Head, HeadContext, Loss
from nlu_kit_sentiment import SentimentParams

_APART = 2.0  # biases that start close together leave next to nothing to the steps in the middle


class SentimentHead(Head):
    """Sentence vector [B, D] -> ``cumulative`` [B, K - 1], the questions' logits, and ``logits`` [B, K], the steps'."""

    def __init__(self, params: SentimentParams, context: HeadContext) -> None:
        super().__init__()
        steps = len(context.labels)
        self.dropout = nn.Dropout(params.dropout)
        self.score = nn.Linear(context.width, 1, bias=False)
        self.biases = nn.Parameter(_APART * (steps / 2 - torch.arange(1.0, steps)))
        self.layers = ["score", "biases"]

    def forward(self, encoded: Encoded) -> Mapping[str, Tensor]:
        cumulative = self.score(self.dropout(encoded.pooled_BD)) + self.biases
        # In order, also where training hasn't got there. (ONNX knows no cummin.)
        above = torch.stack(list(accumulate(cumulative.float().unbind(-1), torch.minimum)), dim=-1).sigmoid()
        edge = torch.ones_like(above[:, :1])
        steps = torch.cat([edge, above], dim=-1) - torch.cat([above, torch.zeros_like(edge)], dim=-1)
        return {"cumulative": cumulative, "logits": steps.clamp_min(1e-12).log()}

    def own_loss(self) -> Loss:
        return CumulativeLoss()


class CumulativeLoss(Loss):
    """Binary cross-entropy of the K - 1 questions: two steps off costs more than one."""

    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        rated = targets["labels"] >= 0
        logits, labels = outputs["cumulative"].float()[rated], targets["labels"][rated]
        passed = labels[:, None] > torch.arange(logits.shape[1], device=logits.device)
        return F.binary_cross_entropy_with_logits(logits, passed.float(), reduction="sum")

    def denominator(self, targets: Mapping[str, Tensor]) -> Tensor:
        return (targets["labels"] >= 0).sum().float()
