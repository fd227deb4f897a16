"""What the model sees: padded ids with a mask, and padded targets by head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nlu_kit.data.dataset import EncodedDataset
from nlu_kit.data.encoding import Encoding
from nlu_kit.data.labels import IGNORE
from nlu_kit.data.padding import INPUTS, pad


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """``ids_BT`` int64; ``mask_BT`` bool, False on padding.

    Where the backbone's lowest ``start`` layers are static, ``static_BTD`` may hold what they put out for these ids;
    the backbone then goes on from there. Where all are, ``static_pooled_BD`` comes with it, and the backbone has
    nothing left to do.

    For heads that look at words: ``words_BT`` int64, the number of the word that a token is part of, NO_WORD for
    special tokens and padding; ``shapes_BT`` int64, how that word is written (``nlu_kit.data.words``).
    """

    ids_BT: Tensor
    mask_BT: Tensor
    static_BTD: Tensor | None = None
    static_pooled_BD: Tensor | None = None
    start: int = 0
    words_BT: Tensor | None = None
    shapes_BT: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Tokens and, by head and name, the targets: ``[B]`` per sentence, ``[B, T]`` per token."""

    tokens: TokenBatch
    encodings: Sequence[Encoding]
    targets: Mapping[str, Mapping[str, Tensor]]


def collate_tokens(encodings: Sequence[Encoding], *, pad_id: int, device: torch.device) -> TokenBatch:
    """The arrays of ``pad`` as tensors."""
    padded = pad(encodings, pad_id=pad_id)
    ids_BT, mask_BT, words_BT, shapes_BT = (torch.from_numpy(padded[name]).to(device) for name in INPUTS)
    return TokenBatch(ids_BT, mask_BT, words_BT=words_BT, shapes_BT=shapes_BT)


def collate(dataset: EncodedDataset, indices: Sequence[int], *, pad_id: int, device: torch.device) -> Batch:
    """The batch of these examples. With no index it holds one example whose targets are all masked: a process that
    gets no share of a global batch must still take part in the step."""
    rows = list(indices) or [0]
    encodings = [dataset.encodings[row] for row in rows]
    tokens = collate_tokens(encodings, pad_id=pad_id, device=device)
    columns = [dataset.targets[row] for row in rows]
    targets = {
        head: {
            name: torch.from_numpy(stack([column[head][name] for column in columns], masked=not indices)).to(device)
            for name in columns[0][head]
        }
        for head in columns[0]
    }
    return Batch(tokens, encodings, targets)


def stack(arrays: Sequence[np.ndarray], *, masked: bool = False) -> np.ndarray:
    """Stack arrays of one rank, each axis padded to the longest with IGNORE (floats: NaN)."""
    shape = tuple(max(sizes) for sizes in zip(*(array.shape for array in arrays), strict=True))
    fill = np.nan if np.issubdtype(arrays[0].dtype, np.floating) else IGNORE
    stacked = np.full((len(arrays), *shape), fill, dtype=arrays[0].dtype)
    if not masked:
        for row, array in enumerate(arrays):
            region: tuple[int | slice, ...] = (row, *(slice(size) for size in array.shape))
            stacked[region] = array
    return stacked
