"""Subword vectors to word vectors. Shapes: B texts, T tokens, D width; words are numbered as in ``TokenBatch``."""

from __future__ import annotations

from torch import Tensor, nn


class MeanPooling(nn.Module):
    """Each token gets the mean of its word's subwords; special tokens and padding get zeros."""

    def forward(self, tokens_BTD: Tensor, words_BT: Tensor) -> Tensor:
        """[B, T, D]. One product of matrices: on GPUs, adding by index would give other last digits each time."""
        same_BTT = (words_BT[:, :, None] == words_BT[:, None, :]) & (words_BT >= 0)[:, :, None]
        shares_BTT = same_BTT / same_BTT.sum(dim=2, keepdim=True).clamp(min=1)
        return shares_BTT.to(tokens_BTD.dtype) @ tokens_BTD
