"""Weights as integers, rounded so that a product's errors cancel for the activations that it gets (GPTQ)."""

from __future__ import annotations

import numpy as np

DAMPING = 0.01
"""Of the mean second moment, added to each: what was measured is a sample."""
_BLOCK = 128


def column_scales(weights: np.ndarray, levels: int) -> np.ndarray:
    """How much [N] an integer is worth in each column, so that ``levels`` is its largest."""
    scales = np.abs(weights).max(axis=0) / levels
    return np.where(scales > 0, scales, 1.0).astype(np.float32)


def rounded(weights: np.ndarray, scales: np.ndarray, moments: np.ndarray, levels: int) -> np.ndarray:
    """int8 [K, N] of ``weights / scales`` [K, N], none beyond ``levels``.

    Row by row, those first whose activations are largest by ``moments`` [K, K]; what rounding a row adds to the product
    is taken from the rows that are left, as far as their activations go along with it.
    """
    diagonal = np.diag(moments)
    order = np.argsort(-diagonal, kind="stable")
    damped = moments[np.ix_(order, order)].astype(np.float64)
    damped[np.diag_indices_from(damped)] += DAMPING * diagonal.mean() + np.finfo(np.float32).tiny
    spread = np.linalg.cholesky(np.linalg.inv(damped)).T.astype(np.float32)
    left = weights[order].astype(np.float32)
    integers = np.zeros(left.shape, np.int8)
    for start in range(0, len(left), _BLOCK):
        end = min(start + _BLOCK, len(left))
        errors = np.zeros((end - start, left.shape[1]), np.float32)
        for row in range(start, end):
            integers[row] = np.clip(np.round(left[row] / scales), -levels, levels)
            errors[row - start] = (left[row] - integers[row] * scales) / spread[row, row]
            left[row + 1 : end] -= np.outer(spread[row, row + 1 : end], errors[row - start])
        left[end:] -= spread[start:end, end:].T @ errors
    unordered = np.empty_like(integers)
    unordered[order] = integers
    return unordered
