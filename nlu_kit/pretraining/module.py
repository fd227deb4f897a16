"""Encoder and objectives as one module for the trainer, and the plan of its batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nlu_kit.data.batch import Batch, TokenBatch, collate_tokens
from nlu_kit.data.encoding import Encoding
from nlu_kit.errors import PluginError
from nlu_kit.heads.modules import Encoded
from nlu_kit.model.nlu_model import NluModel, Objective
from nlu_kit.plugin.contracts import Sampler
from nlu_kit.plugin.modules import Backbone, Balancing, PretrainingObjective, stack_targets
from nlu_kit.plugin.objectives import Item

_TOGETHER = 16  # texts
_CUT = ("ids_BT", "mask_BT", "words_BT", "shapes_BT")
ROWS = "_rows"
"""Among an objective's targets: which rows of the batch are the texts of its items."""


class WeightedSum(Balancing):
    """Each objective's loss times its weight, added up."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.weights = dict(weights)

    def forward(self, losses: Mapping[str, Tensor], *, share: float = 1.0) -> Tensor:
        return torch.stack([self.weights[name] * loss for name, loss in losses.items()]).sum()


class Pretraining(Objective):
    """The encoder reads the texts of all objectives at once; each objective gets the vectors of its own."""

    def __init__(
        self, backbone: Backbone, objectives: Mapping[str, PretrainingObjective], weights: Mapping[str, float]
    ) -> None:
        super().__init__(NluModel(backbone, {}), objectives, WeightedSum(weights))
        self.objectives = dict(objectives)

    def forward(
        self, batch: Batch, denominators: Mapping[str, Tensor], share: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """(weighted total, each objective's loss), scalars; as ``Objective.forward``."""
        encoded = encode_by_length(self.model, batch.tokens)
        losses = {}
        for name, objective in self.objectives.items():
            if name not in batch.targets:  # a piece with none of its items
                losses[name] = encoded.pooled_BD.sum() * 0.0
                continue
            targets = dict(batch.targets[name])
            own = _rows(encoded, targets.pop(ROWS))
            losses[name] = objective(own, targets, self.model.backbone) / denominators[name]
        return self.balancing(losses, share=share), losses

    def denominators(self, batch: Batch) -> dict[str, Tensor]:
        """What each objective's summed loss over this batch is to be divided by."""
        none = torch.zeros((), device=batch.tokens.ids_BT.device)
        return {
            name: objective.denominator(_without_rows(batch.targets[name])) if name in batch.targets else none
            for name, objective in self.objectives.items()
        }


def encode_by_length(model: NluModel, tokens: TokenBatch) -> Encoded:
    """What the encoder makes of the texts. On a CPU, where padding costs as much as text, those of like length go
    through it together."""
    count, longest = tokens.ids_BT.shape
    if tokens.ids_BT.device.type != "cpu" or count <= _TOGETHER:
        return model.encode(tokens)
    order = tokens.mask_BT.sum(1).argsort(stable=True)
    tokens_BTD, pooled_BD = [], []
    for rows in torch.split(order, _TOGETHER):
        width = int(tokens.mask_BT[rows].sum(1).max())
        cut = {name: value[rows, :width] for name in _CUT if (value := getattr(tokens, name)) is not None}
        encoded = model.encode(replace(tokens, **cut))
        tokens_BTD.append(F.pad(encoded.tokens_BTD, (0, 0, 0, longest - width)))
        pooled_BD.append(encoded.pooled_BD)
    back = order.argsort()
    return Encoded(torch.cat(tokens_BTD)[back], torch.cat(pooled_BD)[back], tokens.mask_BT, batch=tokens)


def _without_rows(targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in targets.items() if name != ROWS}


def _rows(encoded: Encoded, rows: Tensor) -> Encoded:
    """These rows, cut at the longest of them."""
    mask_BT = encoded.mask_BT[rows]
    longest = int(mask_BT.sum(1).max())
    return Encoded(encoded.tokens_BTD[rows, :longest], encoded.pooled_BD[rows], mask_BT[:, :longest])


class Rounds(Sampler):
    """Every batch has ``batch_size`` items of each objective. One with fewer items than the largest begins again, in
    another order. An index says which item of which objective it is, and the how manieth draw: chance can go by it."""

    def __init__(self, sizes: Sequence[int], *, batch_size: int, seed: int, steps: int | None = None) -> None:
        self.sizes, self.batch_size, self.seed = list(sizes), batch_size, seed
        self.total = sum(sizes)
        self.steps = steps or max(-(-size // batch_size) for size in sizes)

    def batches(self, epoch: int) -> Iterable[Sequence[int]]:
        """Each objective's items, one after the other, in every batch."""
        first = np.cumsum([0, *self.sizes[:-1]])
        streams = [self._stream(number, epoch) for number in range(len(self.sizes))]
        for _ in range(self.steps):
            yield [
                draw * self.total + int(first[number]) + item
                for number, stream in enumerate(streams)
                for draw, item in (next(stream) for _ in range(min(self.batch_size, self.sizes[number])))
            ]

    def order(self, epoch: int) -> np.ndarray:
        return np.array([index for batch in self.batches(epoch) for index in batch], dtype=np.int64)

    def place(self, index: int) -> tuple[int, int, int]:
        """(objective, its item, the how manieth draw) of an index."""
        draw, flat = divmod(index, self.total)
        for number, size in enumerate(self.sizes):
            if flat < size:
                return number, flat, draw
            flat -= size
        raise IndexError(index)

    def _stream(self, number: int, epoch: int) -> Iterator[tuple[int, int]]:
        """(draw, item) without end, from where the epochs before have come to. No batch has an item twice."""
        size = self.sizes[number]
        step = min(self.batch_size, size)
        rounds = max(1, size // step)  # batches in one order; what is left over waits for the next
        begun = epoch * self.steps
        draw = begun // rounds
        while True:
            order = np.random.default_rng((self.seed, number, draw)).permutation(size)
            for position in range((begun % rounds) * step, rounds * step):
                yield draw, int(order[position])
            begun, draw = 0, draw + 1


class Collator:
    """From the indices of a batch to its texts and targets."""

    def __init__(
        self,
        objectives: Mapping[str, PretrainingObjective],
        rounds: Rounds,
        *,
        pad_id: int,
        device: torch.device,
        seed: int,
    ) -> None:
        self.objectives, self.rounds = list(objectives.items()), rounds
        self.pad_id, self.device, self.seed = pad_id, device, seed

    def __call__(self, indices: Sequence[int]) -> Batch:
        """With no index, one text and no target: a process that gets no share must still take part in the step."""
        found: dict[str, list[Item]] = {}
        for index in indices or [0]:
            number, item, draw = self.rounds.place(index)
            name, objective = self.objectives[number]
            generator = np.random.default_rng((self.seed, number, item, draw))
            found.setdefault(name, []).append(objective.item(item, generator))
        texts: list[Encoding] = []
        targets: dict[str, dict[str, Tensor]] = {}
        for name, items in found.items():
            if len({len(item.encodings) for item in items}) > 1:
                raise PluginError(f"contract: the items of the objective '{name}' differ in how many texts they have")
            first = len(texts)
            texts += [encoding for item in items for encoding in item.encodings]
            rows = {ROWS: torch.arange(first, len(texts), device=self.device)}
            targets[name] = rows | stack_targets(items, self.device)
        tokens = collate_tokens(texts, pad_id=self.pad_id, device=self.device)
        return Batch(tokens, texts, targets if indices else {})
