"""Metrics that are ratios of sums over utterances. Their figures, intervals and paired tests all come from these."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import numpy as np


class Counts(NamedTuple):
    """For each of N utterances what a metric counts: float64 ``numerators`` and ``denominators`` [N].

    Accuracy is right answers over annotated utterances, span F1 twice the spans found over the spans of both sides. An
    utterance that does not count has 0 over 0.
    """

    numerators: np.ndarray
    denominators: np.ndarray

    @classmethod
    def of(cls, pairs: Iterable[tuple[float, float]]) -> Counts:
        """From one (numerator, denominator) for each utterance."""
        columns = np.array(list(pairs), dtype=np.float64).reshape(-1, 2)
        return cls(columns[:, 0], columns[:, 1])

    @property
    def value(self) -> float:
        """The figure: the ratio of the sums, 0 where there is nothing to divide by."""
        bottom = float(self.denominators.sum())
        return float(self.numerators.sum()) / bottom if bottom else 0.0


def accuracy(verdicts: Iterable[bool | None]) -> Counts:
    """The share of right ones; None does not count."""
    return Counts.of((0, 0) if verdict is None else (verdict, 1) for verdict in verdicts)


def set_counts(
    annotated: Sequence[AbstractSet[Any] | None], predicted: Sequence[AbstractSet[Any]]
) -> dict[str, Counts]:
    """``precision``, ``recall`` and ``f1`` of N sets, micro-averaged; None is no annotation and does not count.

    Nothing at all where every annotated set is empty: an F1 would say nothing there.
    """
    if not any(annotated):
        return {}
    nothing: AbstractSet[Any] = frozenset()
    pairs = [(nothing, nothing) if a is None else (a, p) for a, p in zip(annotated, predicted, strict=True)]
    sizes = np.array([(len(a & p), len(a), len(p)) for a, p in pairs], dtype=np.float64)
    both, gold, guessed = sizes.T
    return {"precision": Counts(both, guessed), "recall": Counts(both, gold), "f1": Counts(2 * both, gold + guessed)}
