"""Small torch things to try components on: vectors for texts without an encoder to fetch, and comparisons."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nlu_kit.data.batch import TokenBatch, collate_tokens
from nlu_kit.data.encoding import Encoding
from nlu_kit.heads.modules import Encoded
from nlu_kit.plugin.modules import Backbone
from nlu_kit.testing.material import SPECIAL, tokenizer

WIDTH = 24
CPU = torch.device("cpu")


def tokens_of(encodings: Sequence[Encoding]) -> TokenBatch:
    """A batch as every backbone and head gets it, on the CPU."""
    return collate_tokens(encodings, pad_id=0, device=CPU)


def embed(tokens: TokenBatch, encodings: Sequence[Encoding], *, padding: float = 0.0) -> Encoded:
    """Fixed random vectors for the tokens of each text, the same whatever it shares a batch with.

    The sentence vector is their mean. Padding holds ``padding``: no head may look there.
    """
    vectors = np.full((*tokens.mask_BT.shape, WIDTH), padding, dtype=np.float32)
    for row, encoding in enumerate(encodings):
        seed = zlib.crc32(encoding.text.encode("utf-8", "replace"))
        vectors[row, : len(encoding)] = np.random.default_rng(seed).normal(size=(len(encoding), WIDTH))
    pooled = np.stack([vectors[row, : len(encoding)].mean(axis=0) for row, encoding in enumerate(encodings)])
    return Encoded(torch.from_numpy(vectors), torch.from_numpy(pooled), tokens.mask_BT, batch=tokens)


class TinyEncoder(Backbone):
    """Word vectors and one layer on top, of the same random numbers each time: what an objective can be tried on."""

    def __init__(self) -> None:
        super().__init__()
        self.tokenizer, self.pad_id, self.width = tokenizer(), 0, WIDTH
        self.layers = ["words", "mix"]
        generator = torch.Generator().manual_seed(0)
        self.words = nn.Embedding(self.tokenizer.largest_id + 1 + len(SPECIAL), WIDTH)
        self.mix = nn.Linear(WIDTH, WIDTH)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / WIDTH**0.5)

    def forward(self, batch: TokenBatch) -> Encoded:
        tokens_BTD = torch.tanh(self.mix(self.words(batch.ids_BT)))
        mask_BT1 = batch.mask_BT[:, :, None]
        pooled_BD = (tokens_BTD * mask_BT1).sum(1) / mask_BT1.sum(1)
        return Encoded(tokens_BTD, pooled_BD, batch.mask_BT, batch=batch)

    def save_assets(self, folder: Path) -> None:
        """Nothing: no clause saves it."""


def numpy_outputs(outputs: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """As decoding gets them: float32 arrays."""
    return {name: tensor.detach().float().cpu().numpy() for name, tensor in outputs.items()}


def same(first: Any, second: Any, *, tolerance: float = 1e-4) -> bool:
    """Whether two arrays or tensors hold the same numbers, but for rounding."""
    a, b = (np.asarray(_plain(value), dtype=np.float64) for value in (first, second))
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=tolerance, atol=tolerance))


def equal(first: Tensor, second: Tensor) -> bool:
    """Whether two tensors are the same, number by number; NaN is the same as NaN."""
    alike = (first == second) | (first.isnan() & second.isnan())
    return first.shape == second.shape and bool(alike.all())


def _plain(value: Any) -> Any:
    return value.detach().float().cpu().numpy() if isinstance(value, Tensor) else value
