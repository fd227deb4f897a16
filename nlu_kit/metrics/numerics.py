"""softmax and its kin for the path of prediction, where scipy must not be loaded. numpy only, float64."""

from __future__ import annotations

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities [..., C] of ``logits`` [..., C], without overflow."""
    logits = np.asarray(logits, dtype=np.float64)
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: np.ndarray = shifted / shifted.sum(axis=-1, keepdims=True)
    return probabilities


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Log probabilities [..., C] of ``logits`` [..., C]."""
    logits = np.asarray(logits, dtype=np.float64)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    found: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return found


def logsumexp(logits: np.ndarray) -> np.ndarray:
    """The logarithm [...] of the summed exponentials of ``logits`` [..., C], without overflow."""
    logits = np.asarray(logits, dtype=np.float64)
    highest = logits.max(axis=-1, keepdims=True)
    found: np.ndarray = (highest + np.log(np.exp(logits - highest).sum(axis=-1, keepdims=True)))[..., 0]
    return found


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probabilities of ``logits``; as a softmax against 0, which does not overflow."""
    wide = np.asarray(logits, dtype=np.float64)
    probabilities: np.ndarray = np.exp(wide - np.logaddexp(wide, 0.0))
    return probabilities
