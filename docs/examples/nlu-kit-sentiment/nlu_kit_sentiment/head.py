"""The torch half of the `sentiment` head."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nlu_kit.plugin import Encoded, Head, Loss
from nlu_kit_sentiment.loss import CumulativeLoss
from nlu_kit_sentiment.params import SentimentParams

_APART = 2.0


class SentimentHead(Head):
    """Sentence vector [B, D] -> dropout -> ``cumulative`` [B, K - 1]: the logits of "more than k steps up"."""

    def __init__(self, params: SentimentParams, *, width: int, steps: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(params.dropout)
        self.classifier = OrdinalLayer(width, steps)
        self.layers = ["classifier"]

    def forward(self, encoded: Encoded) -> Mapping[str, Tensor]:
        return {"cumulative": self.classifier(self.dropout(encoded.pooled_BD))}

    def own_loss(self) -> Loss:
        return CumulativeLoss()


class OrdinalLayer(nn.Module):
    """One score for all K - 1 questions, and a bias for each.

    As all questions share the weights, the answers can't contradict each other once the biases are in order, which they
    are where the loss is least (Cao, Mirjalili and Raschka 2020, "Rank consistent ordinal regression for neural
    networks"). They start in order and ``_APART``: a step's probability is what lies between its two biases, so biases
    that start close together hardly leave anything to the steps in the middle, and learning moves them slowly.
    """

    def __init__(self, width: int, steps: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1, bias=False)
        self.biases = nn.Parameter(_APART * (steps / 2 - torch.arange(1.0, steps)))

    def forward(self, sentence_BD: Tensor) -> Tensor:
        logits: Tensor = self.score(sentence_BD) + self.biases
        return logits
