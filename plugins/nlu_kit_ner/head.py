"""The torch half of the `ner` head."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nlu_kit.plugin import SHAPES, Encoded, Head, HeadContext, PluginError
from nlu_kit_ner.dropout import TokenDropout
from nlu_kit_ner.params import TaggerParams
from nlu_kit_ner.pooling import MeanPooling


class NerHead(Head):
    """Token vectors [B, T, D] -> (pooled by word) -> (shapes appended) -> dropout -> (hidden, GELU, dropout) ->
    ``logits`` [B, T, C].

    Every token gets logits; only those of first subwords are trained and read.
    """

    def __init__(self, params: TaggerParams, context: HeadContext) -> None:
        super().__init__()
        self.pooling = MeanPooling() if params.pooling == "mean" else None
        self.shapes = nn.Embedding(len(SHAPES), params.shapes) if params.shapes else None
        self.dropout = TokenDropout(params.dropout)
        width = context.width + (params.shapes or 0)
        self.hidden = nn.Linear(width, params.hidden) if params.hidden else None
        self.classifier = nn.Linear(params.hidden or width, len(context.labels))
        below = {"shapes": self.shapes, "hidden": self.hidden}
        self.layers = [*(name for name, there in below.items() if there), "classifier"]

    def forward(self, encoded: Encoded) -> Mapping[str, Tensor]:
        tokens = encoded.tokens_BTD
        if self.pooling is not None:
            tokens = self.pooling(tokens, _given(encoded, "words_BT"))
        if self.shapes is not None:
            shapes = self.shapes(_given(encoded, "shapes_BT"))
            tokens = torch.cat([tokens, shapes.to(tokens.dtype)], dim=2)
        tokens = self.dropout(tokens)
        if self.hidden is not None:
            tokens = self.dropout(nn.functional.gelu(self.hidden(tokens)))
        return {"logits": self.classifier(tokens)}


def _given(encoded: Encoded, name: str) -> Tensor:
    found: Tensor | None = getattr(encoded.batch, name, None)
    if found is None:
        raise PluginError(
            f"contract: this head reads `Encoded.batch.{name}`, which is not there: whoever runs a head sets `batch`, "
            "as NluModel does, to what collate_tokens makes"
        )
    return found
