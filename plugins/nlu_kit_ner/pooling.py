"""Subword vectors to word vectors. Shapes: B texts, T tokens, D width; words are numbered as in ``TokenBatch``."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence


class MeanPooling(nn.Module):
    """Each token gets the mean of its word's subwords; special tokens and padding get zeros."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, tokens_BTD: Tensor, words_BT: Tensor) -> Tensor:
        """[B, T, D]. One product of matrices: on GPUs, adding by index would give other last digits each time."""
        same_BTT = (words_BT[:, :, None] == words_BT[:, None, :]) & (words_BT >= 0)[:, :, None]
        shares_BTT = same_BTT / same_BTT.sum(dim=2, keepdim=True).clamp(min=1)
        return shares_BTT.to(tokens_BTD.dtype) @ tokens_BTD


class LstmPooling(nn.Module):
    """Each token gets the final states of a bidirectional LSTM over its word's subwords (Ács et al. 2021, "Subword
    Pooling Makes a Difference"). Special tokens and padding get those of one zero vector."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = (width + 1) // 2
        self.width = 2 * half
        self.lstm = nn.LSTM(width, half, batch_first=True, bidirectional=True)

    def forward(self, tokens_BTD: Tensor, words_BT: Tensor) -> Tensor:
        """[B, T, width]. N words of all texts, and the zero vector as word 0, run side by side; always in fp32."""
        number_BT, place_BT = _number(words_BT)
        inside = number_BT > 0
        lengths_N = torch.bincount(number_BT[inside], minlength=1)
        lengths_N[0] = 1
        longest = int(lengths_N.max())
        with torch.autocast(tokens_BTD.device.type, enabled=False):
            subwords = tokens_BTD.new_zeros((len(lengths_N), longest, tokens_BTD.shape[2]), dtype=torch.float32)
            subwords[number_BT[inside], place_BT[inside]] = tokens_BTD[inside].float()
            packed = pack_padded_sequence(subwords, lengths_N.cpu(), batch_first=True, enforce_sorted=False)
            _, (final, _) = self.lstm(packed)  # [2, N, half]
            words_NW = torch.cat([final[0], final[1]], dim=1)
            return F.embedding(number_BT, words_NW)


def _number(words_BT: Tensor) -> tuple[Tensor, Tensor]:
    """For each token: the number of its word in the batch, from 1, and its place in that word; 0 in no word."""
    inside = words_BT >= 0
    first = inside.clone()
    first[:, 1:] &= words_BT[:, 1:] != words_BT[:, :-1]
    number = torch.cumsum(first.flatten(), dim=0).view_as(words_BT)
    positions = torch.arange(words_BT.shape[1], device=words_BT.device).expand_as(words_BT)
    began = torch.where(first, positions, 0).cummax(dim=1).values
    return torch.where(inside, number, 0), torch.where(inside, positions - began, 0)
