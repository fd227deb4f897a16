"""Metrics that are ratios of sums over utterances. Their figures, intervals and paired tests all come from these."""

from __future__ import annotations

from collections.abc import Iterable
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


def set_counts(pairs: Iterable[tuple[AbstractSet[Any], AbstractSet[Any]] | None]) -> dict[str, Counts]:
    """``precision``, ``recall`` and ``f1`` of sets, micro-averaged: for each utterance what is annotated and what is
    predicted, or None for one without annotation, which does not count.

    Nothing at all where every annotated set is empty: an F1 would say nothing there.
    """
    sizes = np.array([(0, 0, 0) if pair is None else _sizes(*pair) for pair in pairs], dtype=np.float64).reshape(-1, 3)
    both, gold, guessed = sizes.T
    if not gold.any():
        return {}
    return {"precision": Counts(both, guessed), "recall": Counts(both, gold), "f1": Counts(2 * both, gold + guessed)}


def _sizes(annotated: AbstractSet[Any], predicted: AbstractSet[Any]) -> tuple[int, int, int]:
    return len(annotated & predicted), len(annotated), len(predicted)
