"""Class weights from class counts. numpy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nlu_kit.plugin import ConfigError, LossContext, Problem, did_you_mean
from nlu_kit_losses import ClassWeightParams, Weighting

MAX_NAMES = 60


def weights_for(params: ClassWeightParams, context: LossContext) -> np.ndarray:
    """The weight of each class, [C] float64: from counts, capped at ``max_weight``, then those given by hand.

    Raises ConfigError, with every label named in ``weights`` that the head lacks.
    """
    names = context.labels.names
    assert len(context.class_counts) == len(names), "one count for each label"
    weights = from_counts(context.class_counts, params.weighting, beta=params.beta)
    if params.max_weight is not None:
        weights = np.minimum(weights, params.max_weight)
    _check_labels(list(params.weights), names, f"heads.{context.head}.loss.weights")
    for label, weight in params.weights.items():
        weights[names.index(label)] = weight
    return weights


def from_counts(counts: np.ndarray, weighting: Weighting, *, beta: float) -> np.ndarray:
    """Weights [C] with a mean of 1 over the classes that occur; a class that never occurs gets 1.

    Such a class is never a training target, but label smoothing gives it a share of every target: the neutral
    weight keeps that share what it is without weighting. ``effective_number`` is the class-balanced term of
    Cui et al. 2019, "Class-Balanced Loss Based on Effective Number of Samples".
    """
    present = counts > 0
    weights = np.ones(len(counts), dtype=np.float64)
    if not present.any():
        return weights
    n = counts[present].astype(np.float64)
    if weighting == "balanced":
        raw = 1 / n
    elif weighting == "sqrt":
        raw = 1 / np.sqrt(n)
    elif weighting == "effective_number":
        raw = (1 - beta) / (1 - np.power(beta, n))
    else:
        raw = np.ones_like(n)
    weights[present] = raw / raw.mean()
    return weights


def _check_labels(given: Sequence[str], names: Sequence[str], path: str) -> None:
    allowed = ", ".join(names[:MAX_NAMES])
    if len(names) > MAX_NAMES:
        allowed += f" and {len(names) - MAX_NAMES} more"
    problems = [
        Problem(
            f"{path}.{label}",
            f"the training data has no label '{label}' for this head",
            f"{did_you_mean(label, names)}its labels: {allowed}",
        )
        for label in given
        if label not in names
    ]
    if problems:
        raise ConfigError(problems)
