"""Thresholds that make F1 on dev as high as it can be. numpy only."""

from __future__ import annotations

import numpy as np


def best_threshold(probabilities: np.ndarray, gold: np.ndarray, *, otherwise: float) -> float:
    """The threshold t for which predicting where ``probabilities >= t`` has the highest F1 against bool ``gold``.

    Both [N]. It lies half-way between two neighbouring probabilities, so that what is a little less certain than on
    dev still passes; of equally good ones it is the nearest to .5. ``otherwise`` where nothing is gold.
    """
    if not gold.any():
        return otherwise
    order = np.argsort(-probabilities, kind="stable")
    ranked, found = probabilities[order], np.cumsum(gold[order])
    count = np.arange(1, len(ranked) + 1)
    f1 = 2 * found / (count + gold.sum())
    below = np.append(ranked[1:], 0.0)
    cuts = (ranked + below) / 2
    # Equal probabilities can't be told apart: a cut between them is none. Nor is one that rounding put on the lower.
    possible = (cuts > below) & (cuts <= ranked)
    best = possible & (f1 >= f1[possible].max() - 1e-12) if possible.any() else possible
    if not best.any():  # all probabilities are 0
        return otherwise
    candidates = cuts[best]
    return float(candidates[np.abs(candidates - 0.5).argmin()])


def tune_thresholds(
    probabilities: np.ndarray, gold: np.ndarray, *, min_support: int, otherwise: float
) -> tuple[float, dict[int, float]]:
    """(the common threshold, those of single classes by index) from ``probabilities`` and bool ``gold`` [N, C].

    The common one has the highest micro F1 over all classes. One that fewer than ``min_support`` texts have gets none
    of its own: the best cut through a handful of texts is chance (Fan and Lin 2007, "A Study on Threshold Selection for
    Multi-label Classification").
    """
    common = best_threshold(probabilities.ravel(), gold.ravel(), otherwise=otherwise)
    frequent = np.flatnonzero(gold.sum(axis=0) >= min_support)
    return common, {
        int(index): best_threshold(probabilities[:, index], gold[:, index], otherwise=common) for index in frequent
    }
