"""Dropout on token vectors (Srivastava et al. 2014), quick on CPUs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

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
