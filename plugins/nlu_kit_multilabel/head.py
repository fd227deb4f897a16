"""The torch half of the `multilabel_intent` head."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from nlu_kit.model.modules import Encoded, Head
from nlu_kit_multilabel.params import MultilabelParams


class MultilabelHead(Head):
    """Sentence vector [B, D] -> dropout -> (hidden, GELU, dropout) -> ``logits`` [B, C], one yes or no each."""

    def __init__(self, params: MultilabelParams, *, width: int, classes: int) -> None:
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
