"""Examples encoded once: ids, words and every head's targets. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from nlu_kit.data.encoding import Encoding, Tokenizer
from nlu_kit.data.example import Entity, Example
from nlu_kit.data.findings import Unlearnable

Targets = Mapping[str, Mapping[str, np.ndarray]]
"""Target arrays of one example by head and name."""


class TargetCodec(Protocol):
    """The part of a head's codec that encoding needs."""

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]: ...

    def unlearnable(self, example: Example, encoding: Encoding) -> Sequence[Entity]: ...


@dataclass(frozen=True, slots=True)
class EncodedDataset:
    """Parallel sequences of length N; ``lengths`` [N] counts tokens; ``unlearnable`` holds by head the annotations that
    can't be learnt (truncated away or not on token boundaries), in the order of the examples."""

    examples: Sequence[Example]
    encodings: Sequence[Encoding]
    targets: Sequence[Targets]
    lengths: np.ndarray
    unlearnable: Mapping[str, Sequence[Unlearnable]]

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def truncated(self) -> list[Example]:
        """The examples whose texts are longer than the encoder reads."""
        return [e for e, encoding in zip(self.examples, self.encodings, strict=True) if encoding.truncated]

    def class_counts(self, head: str, classes: int, weights: np.ndarray | None = None) -> np.ndarray:
        """How often each class index occurs among the ``labels`` targets of a head: int64 [classes]. With ``weights``
        [N], each example counts that much: float64."""
        counts = np.zeros(classes, dtype=np.int64 if weights is None else np.float64)
        for row, targets in enumerate(self.targets):
            labels = targets[head].get("labels")
            if labels is not None and np.issubdtype(labels.dtype, np.integer):
                kept = labels[(labels >= 0) & (labels < classes)]
                found = np.bincount(kept.ravel(), minlength=classes)
                counts += found if weights is None else weights[row] * found
        return counts


def encode_dataset(
    examples: Sequence[Example], tokenizer: Tokenizer, codecs: Mapping[str, TargetCodec]
) -> EncodedDataset:
    """Tokenize every text and compute every head's targets, once per run."""
    encodings = tokenizer.encode([example.text for example in examples])
    pairs = list(zip(examples, encodings, strict=True))
    return EncodedDataset(
        examples=examples,
        encodings=encodings,
        targets=[{name: codec.targets(*pair) for name, codec in codecs.items()} for pair in pairs],
        lengths=np.array([len(encoding) for encoding in encodings], dtype=np.int64),
        unlearnable={
            name: [Unlearnable(*pair, entity) for pair in pairs for entity in codec.unlearnable(*pair)]
            for name, codec in codecs.items()
        },
    )
