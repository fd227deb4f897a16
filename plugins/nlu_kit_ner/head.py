"""The torch half of the `ner` head."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nlu_kit.plugin import SHAPES, Encoded, Head, HeadContext, PluginError
from nlu_kit_ner import TaggerParams


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


_LEVELS = 256
_LOWEST = -(2**63)  # from here upwards, `random_` draws all 64 bits


class TokenDropout(nn.Module):
    """As ``nn.Dropout``; on CPUs with the rate rounded to the nearest 256th (0.1 to 0.1016), the scale with it.

    PyTorch draws one random number per element there, one after the other. With a frozen encoder that was a third of a
    training step. Here 64 random bits decide on eight elements.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.dropped = min(round(rate * _LEVELS), _LEVELS - 1)

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or not self.dropped:
            return values
        if values.device.type != "cpu":
            return nn.functional.dropout(values, self.rate)
        bits = torch.empty(values.numel() // 8 + 1, dtype=torch.int64).random_(_LOWEST, None)
        kept = bits.view(torch.uint8)[: values.numel()].view(values.shape) >= self.dropped
        return values * kept.to(values.dtype).mul_(_LEVELS / (_LEVELS - self.dropped))

    def extra_repr(self) -> str:
        return f"rate={self.rate}"


class MeanPooling(nn.Module):
    """Each token gets the mean of its word's subwords; special tokens and padding get zeros."""

    def forward(self, tokens_BTD: Tensor, words_BT: Tensor) -> Tensor:
        """[B, T, D]. One product of matrices: on GPUs, adding by index would give other last digits each time."""
        same_BTT = (words_BT[:, :, None] == words_BT[:, None, :]) & (words_BT >= 0)[:, :, None]
        shares_BTT = same_BTT / same_BTT.sum(dim=2, keepdim=True).clamp(min=1)
        return shares_BTT.to(tokens_BTD.dtype) @ tokens_BTD
