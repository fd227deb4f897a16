"""Does a confidence of .9 mean right nine times in ten? Temperature scaling, and the error that is left. numpy only.

Guo, Pleiss, Sun and Weinberger (2017), "On Calibration of Modern Neural Networks".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nlu_kit.metrics.numerics import softmax

BINS = 15
LOWEST, HIGHEST = 0.05, 20.0  # of a fitted temperature
_HALVINGS = 40
FEW = 30
"""Predictions from which on a temperature is what they say. From fewer it is luck: whether none of ten is wrong or two
are decides then between a model that sounds certain of everything and one that doubts what it knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Predictions whose confidence is in ``(low, high]``: how many, their mean confidence and share of right ones.

    Both are 0 where ``count`` is.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature T that makes ``softmax(logits / T)`` most likely: ``logits`` [N, C], int ``labels`` [N].

    Rows whose label is negative (IGNORE) are left out. The likelihood is smoothed as if one more of N + 2 answers were
    the best wrong one (Laplace's rule of succession): dev sets that are all right would otherwise ask for T = 0, and
    certainty. The result is within [0.05, 20]; 1 where there is nothing to fit (no row, or one class). The order of a
    row's classes, and so the decision, never changes. Raises ValueError for shapes that do not fit, or logits that are
    no numbers.
    """
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(f"logits [N, C] and labels [N] are wanted, got {logits.shape} and {labels.shape}")
    logits, labels = logits[labels >= 0], labels[labels >= 0]
    if not len(labels) or logits.shape[1] < 2:
        return 1.0
    if not np.isfinite(logits).all():
        raise ValueError("logits that are no numbers have no temperature")
    wanted = _smoothed(logits, labels)
    # In b = 1 / T the mean negative log likelihood is convex: its slope, mean(E[logit] - wanted), only rises.
    low, high = np.log(1 / HIGHEST), np.log(1 / LOWEST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        slope = float(np.mean((softmax(np.exp(middle) * logits) * logits).sum(axis=1) - wanted))
        low, high = (low, middle) if slope > 0 else (middle, high)
    return float(np.clip(np.exp(-(low + high) / 2), LOWEST, HIGHEST))


def shrunk_temperature(fitted: float, count: int, *, known: float) -> float:
    """A temperature that was fitted on ``count`` predictions; with less than ``FEW``, the geometric mean of it and of
    what is ``known`` of such models, by how many there are."""
    weight = min(1.0, count / FEW)
    return float(np.exp(weight * np.log(fitted) + (1 - weight) * np.log(known)))


def reliability(confidences: np.ndarray, correct: np.ndarray, *, bins: int = BINS) -> list[ReliabilityBin]:
    """``bins`` intervals of equal width over [0, 1]; ``confidences`` [N] in [0, 1], ``correct`` [N] bool."""
    confidences, correct = np.asarray(confidences, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if confidences.shape != correct.shape or confidences.ndim != 1:
        raise ValueError(f"two arrays [N] are wanted, got {confidences.shape} and {correct.shape}")
    places = np.clip(np.ceil(confidences * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(places, minlength=bins)
    filled = np.maximum(counts, 1)
    mean_confidence = np.bincount(places, weights=confidences, minlength=bins) / filled
    accuracy = np.bincount(places, weights=correct, minlength=bins) / filled
    return [
        ReliabilityBin(
            low=place / bins,
            high=(place + 1) / bins,
            count=int(counts[place]),
            confidence=float(mean_confidence[place]),
            accuracy=float(accuracy[place]),
        )
        for place in range(bins)
    ]


def expected_calibration_error(confidences: np.ndarray, correct: np.ndarray, *, bins: int = BINS) -> float:
    """ECE: how far confidence and share of right ones are apart, mean over ``reliability``'s bins by their counts.

    In [0, 1], 0 is best; 0 too where nothing was predicted. It needs a few hundred predictions to say much: on fewer,
    even a perfect model's bins scatter.
    """
    table = reliability(confidences, correct, bins=bins)
    total = sum(row.count for row in table)
    return sum(row.count * abs(row.confidence - row.accuracy) for row in table) / total if total else 0.0


def _smoothed(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The logit of the label [N], with a share of 1 / (N + 2) for the best other class."""
    rows = np.arange(len(labels))
    right = logits[rows, labels]
    others = logits.copy()
    others[rows, labels] = -np.inf
    share = 1 / (len(labels) + 2)
    smoothed: np.ndarray = (1 - share) * right + share * others.max(axis=1)
    return smoothed


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
