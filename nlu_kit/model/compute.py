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


def in_batches(run: Run, encodings: Sequence[Encoding], *, batch_size: int) -> Iterator[tuple[Sequence[int], Computed]]:
    """(positions among ``encodings``, what the network makes of these). Texts of like length share a batch."""
    order = sorted(range(len(encodings)), key=lambda position: len(encodings[position]))
    for start in range(0, len(order), batch_size):
        positions = order[start : start + batch_size]
        yield positions, run([encodings[position] for position in positions])


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
