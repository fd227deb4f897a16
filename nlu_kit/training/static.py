"""What static layers put out, computed once per text and reused.

Layers below the lowest that may still train run in eval mode and never change, so for a text their output is always the
same. It is computed when a text is first met, always in fp32, and kept under the text's token ids: in memory up to a
budget, beyond it in a memory-mapped file. Where the whole backbone is static, the sentence vector is kept too. Every
process of a run keeps its own, of the texts that it meets.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
import torch
from torch import Tensor

from nlu_kit.data.batch import TokenBatch, collate_tokens
from nlu_kit.data.dataset import EncodedDataset
from nlu_kit.data.encoding import Encoding
from nlu_kit.plugin.modules import Backbone

MEMORY_SHARE = 0.25
_TOLERANCE = 1e-4
_PIECE = 1 << 24  # bytes
_FILL_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheBudget:
    """How much there may be to keep: so many ``texts`` with so many ``tokens`` in all; and where: memory up to
    ``budget`` bytes, else in ``file``."""

    texts: int
    tokens: int
    budget: int
    file: Path

    def rows(self, backbone: Backbone, count: int) -> int:
        """Vectors to keep of the lowest ``count`` layers: one per token, and the sentence's where these are all."""
        return self.tokens + (self.texts if count == len(backbone.layers) else 0)

    def bytes_needed(self, backbone: Backbone, count: int) -> int:
        return 4 * self.rows(backbone, count) * backbone.width


class StaticCache:
    """The output of the backbone's lowest ``count`` layers for the texts met so far; ``close`` it."""

    def __init__(self, backbone: Backbone, count: int, limits: CacheBudget) -> None:
        self.backbone, self.count = backbone, count
        self.bytes = limits.bytes_needed(backbone, count)
        self.on_disk = self.bytes > limits.budget
        self.whole = count == len(backbone.layers)
        shape = (limits.rows(backbone, count), backbone.width)
        if self.bytes <= limits.budget:
            self._rows = torch.zeros(shape)  # not empty: what is read beyond a text is masked, but may be no NaN
        else:
            self._rows = torch.from_numpy(_mapped(limits.file, shape))
        self._at: dict[tuple[int, ...], int] = {}
        self._used = 0
        self._weights = self._fingerprint()

    def attach(self, batch: TokenBatch, encodings: Sequence[Encoding]) -> TokenBatch:
        """The batch with the static layers' output; what is missing is computed now, once for equal ids."""
        missing = {encoding.ids: encoding for encoding in encodings if encoding.ids not in self._at}
        if missing:
            self._compute(list(missing.values()))
        starts = torch.tensor([self._at[encoding.ids] for encoding in encodings])
        # Positions behind a text's end read its neighbour's rows; the mask keeps them out of every result.
        places_BT = (starts[:, None] + torch.arange(batch.ids_BT.shape[1])).clamp_(max=len(self._rows) - 1)
        device = batch.ids_BT.device
        static_BTD = self._rows[places_BT.view(-1)].view(*places_BT.shape, -1).to(device)
        pooled_BD = self._rows[starts - 1].to(device) if self.whole else None  # kept in front of its tokens
        return replace(batch, static_BTD=static_BTD, static_pooled_BD=pooled_BD, start=self.count)

    def fill(self, encodings: Sequence[Encoding]) -> None:
        """Compute the output for all these texts, each once."""
        texts = sorted({encoding.ids: encoding for encoding in encodings}.values(), key=len)
        for start in range(0, len(texts), _FILL_BATCH):
            self._compute(texts[start : start + _FILL_BATCH])

    @torch.no_grad()
    def _compute(self, encodings: Sequence[Encoding]) -> None:
        device = next(self.backbone.parameters()).device
        batch = collate_tokens(encodings, pad_id=self.backbone.pad_id, device=device)
        hidden_BTD, pooled_BD = _in_fp32(self.backbone, batch, self.count)
        hidden_BTD = hidden_BTD.cpu()
        for row, encoding in enumerate(encodings):
            if pooled_BD is not None:
                self._rows[self._used] = pooled_BD[row]
                self._used += 1
            self._rows[self._used : self._used + len(encoding)] = hidden_BTD[row, : len(encoding)]
            self._at[encoding.ids] = self._used
            self._used += len(encoding)

    def is_valid(self, count: int) -> bool:
        """Whether this is still the cache of the lowest ``count`` layers, none of them written to since."""
        return count == self.count and self._weights == self._fingerprint()

    def _fingerprint(self) -> list[int]:
        prefixes = tuple(f"{layer}." for layer in list(self.backbone.layers)[: self.count])
        return [p._version for name, p in self.backbone.named_parameters() if f"{name}.".startswith(prefixes)]

    def describe(self) -> str:
        """One line for the log."""
        where = "on disk" if self.on_disk else "in memory"
        return (
            f"the lowest {self.count} of {len(self.backbone.layers)} backbone layers are static: their output is "
            f"computed once per text and kept {where} (at most {self.bytes / 2**20:.0f} MB)"
        )

    def close(self) -> None:
        """Free the memory; the file, which has no name, goes with its map."""
        self._rows = torch.empty(0)
        self._at.clear()


class StaticLayers:
    """Keeps a StaticCache for as many layers as are static at the moment, where that is possible."""

    def __init__(
        self, backbone: Backbone, datasets: Sequence[EncodedDataset], *, budget: int, file: Path, processes: int
    ) -> None:
        self.backbone = backbone
        # One process will need every text, and texts of like length are computed fastest together. One of several
        # can't know which texts will be its share, and computes each when it meets it.
        self.ahead = [] if processes > 1 else [encoding for dataset in datasets for encoding in dataset.encodings]
        tokens = int(sum(dataset.lengths.sum() for dataset in datasets))
        self.limits = CacheBudget(texts=sum(map(len, datasets)), tokens=tokens, budget=budget, file=file)
        self.sample = datasets[0].encodings[:4] if datasets else []
        self.cache: StaticCache | None = None
        self._refused: set[int] = set()

    def enter(self, count: int) -> list[str]:
        """Begin an epoch in which the lowest ``count`` layers are static; what there is to say about it."""
        if self.cache is not None and not self.cache.is_valid(count):
            self.close()
        if not self.limits.budget or not count or self.cache is not None or count in self._refused:
            return []
        reason = why_not(self.backbone, count, self.limits, self.sample)
        if reason:
            self._refused.add(count)
            return [_again(count, reason)]
        try:
            self.cache = StaticCache(self.backbone, count, self.limits)
        except OSError as error:  # the disk was filled meanwhile
            self._refused.add(count)
            return [_again(count, f"there is no room on disk for their output ({error.strerror or error})")]
        self.cache.fill(self.ahead)
        return [self.cache.describe()]

    def attach(self, batch: TokenBatch, encodings: Sequence[Encoding]) -> TokenBatch:
        """The batch with the static layers' output, where it is kept."""
        return batch if self.cache is None else self.cache.attach(batch, encodings)

    def forget_if_changed(self) -> None:
        """Free what is kept, if it is not what the weights of this moment give."""
        if self.cache is not None and not self.cache.is_valid(self.cache.count):
            self.close()

    def close(self) -> None:
        """Free what is kept."""
        if self.cache is not None:
            self.cache.close()
            self.cache = None


def _again(count: int, reason: str) -> str:
    return f"the lowest {count} backbone layers are static, but computed again in every epoch: {reason}"


def _mapped(file: Path, shape: tuple[int, int]) -> np.ndarray:
    """Zeros of this shape, float32, in a file whose room is taken before it is mapped: where the disk is full, writing
    to a map would end the process without a word (SIGBUS). It loses its name at once, so that nothing is left of a run
    that dies. Raises OSError where there is no limits."""
    file.parent.mkdir(parents=True, exist_ok=True)
    size = 4 * shape[0] * shape[1]
    try:
        with file.open("w+b") as stream:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(stream.fileno(), 0, size)
            else:
                for start in range(0, size, _PIECE):
                    stream.write(bytes(min(_PIECE, size - start)))
                stream.flush()
            mapped: np.ndarray = np.memmap(stream, dtype=np.float32, mode="r+", shape=shape)
    finally:
        with suppress(OSError):  # Windows removes no file that is mapped
            file.unlink()
    return mapped


def why_not(backbone: Backbone, count: int, limits: CacheBudget, sample: Sequence[Encoding]) -> str:
    """Why the output of the lowest ``count`` layers can't be kept; empty where it can.

    Going on from it must give what the whole encoder gives: that is tried on ``sample``.
    """
    whole = count == len(backbone.layers)
    if not whole and count not in backbone.resume_points():
        return f"this backbone can't go on above its lowest {count} layers"
    needed = limits.bytes_needed(backbone, count)
    there = next(parent for parent in limits.file.absolute().parents if parent.exists())
    if needed > limits.budget and needed > shutil.disk_usage(there).free:
        return f"that takes {needed / 2**20:.0f} MB, more than the memory allowed and the disk's free space"
    exact = whole or _resumes_exactly(backbone, count, sample)
    return "" if exact else "going on from it does not give the same result"


@torch.no_grad()
def static_output(backbone: Backbone, batch: TokenBatch, count: int) -> Tensor:
    """What the lowest ``count`` layers, fewer than all, put out for this batch, [B, T, D] in fp32."""
    return _in_fp32(backbone, batch, count)[0]


@torch.no_grad()
def _resumes_exactly(backbone: Backbone, count: int, sample: Sequence[Encoding]) -> bool:
    training = {module: module.training for module in backbone.modules()}
    backbone.eval()
    try:
        device = next(backbone.parameters()).device
        batch = collate_tokens(sample, pad_id=backbone.pad_id, device=device)
        whole = backbone(batch)
        resumed = backbone(replace(batch, static_BTD=_in_fp32(backbone, batch, count)[0], start=count))
    finally:
        for module, mode in training.items():
            module.training = mode
    mask = batch.mask_BT
    close = torch.allclose(whole.tokens_BTD[mask], resumed.tokens_BTD[mask], atol=_TOLERANCE)
    return close and torch.allclose(whole.pooled_BD, resumed.pooled_BD, atol=_TOLERANCE)


def _in_fp32(backbone: Backbone, batch: TokenBatch, count: int) -> tuple[Tensor, Tensor | None]:
    """(Token vectors, sentence vectors where all layers are static) without autocast; the backbone's static modules are
    in eval mode already."""
    with torch.autocast(batch.ids_BT.device.type, enabled=False):
        if count < len(backbone.layers):
            return backbone.static_output(batch, count), None
        encoded = backbone(batch)
        return encoded.tokens_BTD, encoded.pooled_BD


def memory_budget(megabytes: int | None, processes: int) -> int:
    """Bytes that one process may keep: what was asked for, or its part of a quarter of the memory that is free now."""
    if megabytes is not None:
        return megabytes * 2**20
    return int(psutil.virtual_memory().available * MEMORY_SHARE / processes)
