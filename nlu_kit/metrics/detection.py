"""How well a score tells out-of-scope utterances from the others, whatever the threshold.

Hendrycks and Gimpel (2017), "A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural
Networks"; FPR at 95 % TPR as in Liu, Wang, Owens and Li (2020), "Energy-based Out-of-distribution Detection".
"""

from __future__ import annotations

import numpy as np


def auroc(in_scope: np.ndarray, out_of_scope: np.ndarray) -> float:
    """The chance that an out-of-scope utterance scores higher than one in scope; a tie counts half.

    Scores [N] and [M], higher = further out; .5 is guessing, 1 perfect. Raises ValueError where either is empty.
    """
    from scipy.stats import mannwhitneyu

    inside, outside = _scores(in_scope), _scores(out_of_scope)
    pairs = mannwhitneyu(outside, inside, method="asymptotic").statistic
    return float(pairs) / (len(inside) * len(outside))


def fpr_at_tpr(in_scope: np.ndarray, out_of_scope: np.ndarray, *, tpr: float = 0.95) -> float:
    """The share of out-of-scope utterances still accepted by the threshold that accepts a share ``tpr`` of those in
    scope (at least). In [0, 1], 0 is best. Raises ValueError where either side is empty."""
    inside, outside = _scores(in_scope), _scores(out_of_scope)
    if not 0 < tpr <= 1:
        raise ValueError(f"a rate is in (0, 1], got {tpr}")
    threshold = np.sort(inside)[max(int(np.ceil(tpr * len(inside) - 1e-9)), 1) - 1]
    return float(np.mean(outside <= threshold))


def rejection_scores(
    in_scope: np.ndarray, right: np.ndarray, out_of_scope: np.ndarray, *, threshold: float
) -> dict[str, float]:
    """What a threshold does, in [0, 1]: scores [N] of utterances in scope, ``right`` [N] bool whether their label was
    found, and scores [M] of those out of scope. Figures that have nothing to measure are absent.

    ``in_scope_accuracy``: label found, and not rejected. ``false_rejection``: in scope, but rejected. ``recall`` and
    ``precision`` are of what is out of scope; ``auroc`` and ``fpr95`` look at no threshold.
    """
    found: dict[str, float] = {}
    rejected, caught = np.asarray(in_scope) > threshold, np.asarray(out_of_scope) > threshold
    if len(rejected):
        found["in_scope_accuracy"] = float(np.mean(np.asarray(right, dtype=bool) & ~rejected))
        found["false_rejection"] = float(rejected.mean())
    if len(caught):
        found["recall"] = float(caught.mean())
    if len(rejected) and len(caught):
        found["precision"] = float(caught.sum() / max(caught.sum() + rejected.sum(), 1))
        found |= {"auroc": auroc(in_scope, out_of_scope), "fpr95": fpr_at_tpr(in_scope, out_of_scope)}
    return found


def _scores(scores: np.ndarray) -> np.ndarray:
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 1 or not len(scores):
        raise ValueError(f"scores [N] of at least one utterance are wanted, got the shape {scores.shape}")
    return scores
