"""The torch half of the `ner` head."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from nlu_kit.model.modules import Encoded, Head
from nlu_kit_ner.params import NerParams


class NerHead(Head):
    """Token vectors [B, T, D] -> dropout -> (hidden, GELU, dropout) -> ``logits`` [B, T, C].

    Every token gets logits; only those of first subwords are trained and read.
    """

    def __init__(self, params: NerParams, *, width: int, classes: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(params.dropout)
        self.hidden = nn.Linear(width, params.hidden) if params.hidden else None
        self.classifier = nn.Linear(params.hidden or width, classes)
        self.layers = ["hidden", "classifier"] if self.hidden else ["classifier"]

    def forward(self, encoded: Encoded) -> Mapping[str, Tensor]:
        tokens = self.dropout(encoded.tokens_BTD)
        if self.hidden is not None:
            tokens = self.dropout(nn.functional.gelu(self.hidden(tokens)))
        return {"logits": self.classifier(tokens)}
