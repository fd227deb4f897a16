"""Criteria for heads that produce logits: plain and class-weighted cross-entropy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nlu_kit.hookspecs import hookimpl
from nlu_kit.specs import LossSpec
from nlu_kit_losses.build import build_cross_entropy, build_weighted_cross_entropy
from nlu_kit_losses.params import CrossEntropyParams, WeightedCrossEntropyParams


@hookimpl
def nlu_kit_losses() -> Iterable[LossSpec[Any]]:
    return [
        LossSpec(
            name="cross_entropy",
            summary="Cross-entropy over the classes; every target counts the same.",
            params=CrossEntropyParams,
            build=build_cross_entropy,
            default=True,
        ),
        LossSpec(
            name="weighted_cross_entropy",
            summary="Cross-entropy in which rare classes count more, by their counts in train or by hand.",
            params=WeightedCrossEntropyParams,
            build=build_weighted_cross_entropy,
        ),
    ]
