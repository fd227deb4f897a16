"""Texts through a network, batch by batch, and what comes of it. No torch: every runtime computes with this."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.prediction import Prediction
from nlu_kit.heads.codec import Codecs
from nlu_kit.model.decode import decode
from nlu_kit.model.detector import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """What the network made of a batch of texts, or of one text (then without the axis B).

    ``outputs``: each head's, by name, float32 ``[B, …]``; ``vectors``: the sentence vectors, float32 [B, D].
    """

    outputs: Mapping[str, Mapping[str, np.ndarray]]
    vectors: np.ndarray

    def row(self, position: int) -> Computed:
        """That of one text, copied: what it comes from can be freed."""
        rows = {
            head: {name: array[position].copy() for name, array in named.items()}
            for head, named in self.outputs.items()
        }
        return Computed(outputs=rows, vectors=self.vectors[position].copy())


Run = Callable[[Sequence[Encoding]], Computed]
"""A network on one batch."""


_LONG, _WASTE, _ANYWAY = 32, 1.5, 128  # tokens


def in_batches(run: Run, encodings: Sequence[Encoding], *, batch_size: int) -> Iterator[tuple[Sequence[int], Computed]]:
    """(positions among ``encodings``, what the network makes of these). Texts of like length share a batch."""
    for positions in like_lengths([len(encoding) for encoding in encodings], batch_size=batch_size):
        yield positions, run([encodings[position] for position in positions])


def like_lengths(lengths: Sequence[int], *, batch_size: int) -> Iterator[list[int]]:
    """Positions by batch, from the shortest text to the longest.

    A batch has at most ``batch_size`` texts, fewer where they are long (memory grows with the square of the longest),
    and ends before a text that would make the others carry more than half of their own size in padding.
    """
    batch: list[int] = []
    tokens = 0
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        longest = lengths[position]
        padded = (len(batch) + 1) * longest
        wasteful = padded > _WASTE * (tokens + longest) + _ANYWAY
        if batch and (len(batch) == batch_size or padded > batch_size * _LONG or wasteful):
            yield batch
            batch, tokens = [], 0
        batch.append(position)
        tokens += longest
    if batch:
        yield batch


def each(batches: Iterable[tuple[Sequence[int], Computed]]) -> list[Computed]:
    """What the network made of each text, in their order. Outputs per token stay padded to their batch's longest."""
    rows: dict[int, Computed] = {}
    for positions, computed in batches:
        rows |= {position: computed.row(row) for row, position in enumerate(positions)}
    return [rows[position] for position in range(len(rows))]


def predict_with(
    run: Run, codecs: Codecs, encodings: Sequence[Encoding], *, batch_size: int, scope: Scope | None = None
) -> list[Prediction]:
    """Predictions in the order of ``encodings``."""
    results: dict[int, Prediction] = {}
    for positions, computed in in_batches(run, encodings, batch_size=batch_size):
        batch = [encodings[position] for position in positions]
        found = decode(computed.outputs, computed.vectors, codecs, batch, scope)
        results |= zip(positions, found, strict=True)
    return [results[position] for position in range(len(encodings))]
