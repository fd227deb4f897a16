"""Rounding by what the activations are: never beyond the levels, and nearer than rounding each weight by itself."""

from __future__ import annotations

import numpy as np
import pytest

from nlu_kit.runtime.rounding import column_scales, rounded


def activations(tokens: int = 400, channels: int = 200) -> np.ndarray:
    """Correlated, as those of networks are: a fifth as many directions as channels, and some noise."""
    generator = np.random.default_rng(0)
    mixed = generator.normal(size=(tokens, channels // 5)) @ generator.normal(size=(channels // 5, channels))
    return (mixed + 0.3 * generator.normal(size=mixed.shape)).astype(np.float32)


@pytest.mark.parametrize("levels", [7, 63])
def test_a_products_error_is_smaller_than_by_rounding_each_weight(levels: int) -> None:
    inputs = activations()
    weights = np.random.default_rng(1).normal(size=(200, 30)).astype(np.float32)
    scales = column_scales(weights, levels)
    integers = rounded(weights, scales, inputs.T @ inputs, levels)
    assert integers.dtype == np.int8
    assert np.abs(integers).max() <= levels
    exact, plain = inputs @ weights, np.round(weights / scales) * scales
    assert np.std(inputs @ (integers * scales) - exact) < 0.6 * np.std(inputs @ plain - exact)


def test_channels_and_columns_of_nothing_are_rounded_too() -> None:
    """A channel that was never active, a column of zeros, and activations that were all zero."""
    inputs = activations(channels=10)
    inputs[:, 3] = 0
    weights = np.random.default_rng(1).normal(size=(10, 4)).astype(np.float32)
    weights[:, 2] = 0
    scales = column_scales(weights, 63)
    for moments in (inputs.T @ inputs, np.zeros((10, 10), np.float32)):
        integers = rounded(weights, scales, moments, 63)
        assert not integers[:, 2].any()
        assert np.array_equal(integers[3], np.round(weights[3] / scales)), "nothing says how else"
