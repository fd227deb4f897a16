"""The torch half of the `intent` head."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from nlu_kit.model.modules import Encoded, Head
from nlu_kit_intent.params import IntentParams


class IntentHead(Head):
    """Sentence vector [B, D] -> dropout -> (hidden, GELU, dropout) -> ``logits`` [B, C]."""

    def __init__(self, params: IntentParams, *, width: int, classes: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(params.dropout)
        self.hidden = nn.Linear(width, params.hidden) if params.hidden else None
        self.classifier = nn.Linear(params.hidden or width, classes)
        self.layers = ["hidden", "classifier"] if self.hidden else ["classifier"]

    def forward(self, encoded: Encoded) -> Mapping[str, Tensor]:
        sentence = self.dropout(encoded.pooled_BD)
        if self.hidden is not None:
            sentence = self.dropout(nn.functional.gelu(self.hidden(sentence)))
        return {"logits": self.classifier(sentence)}
