"""Criteria: cross-entropy (plain, smoothed, class-weighted), focal and dice; binary ones for several labels a text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nlu_kit.plugin import LossSpec, hookimpl
from nlu_kit_losses.build import (
    build_binary_cross_entropy,
    build_binary_focal,
    build_cross_entropy,
    build_dice,
    build_focal,
    build_weighted_cross_entropy,
)
from nlu_kit_losses.params import (
    BinaryCrossEntropyParams,
    BinaryFocalParams,
    CrossEntropyParams,
    DiceParams,
    FocalParams,
    LabelSmoothingParams,
    WeightedCrossEntropyParams,
)

NLU_KIT_CONTRACT = 2


SEVERAL = frozenset({"multilabel_logits"})


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
        LossSpec(
            name="label_smoothing",
            summary="cross_entropy with smoothed targets: 0.1 of each is spread over all classes.",
            params=LabelSmoothingParams,
            build=build_cross_entropy,
        ),
        LossSpec(
            name="focal",
            summary="Cross-entropy in which targets that the model still gets wrong count more (Lin et al. 2017).",
            params=FocalParams,
            build=build_focal,
        ),
        LossSpec(
            name="dice",
            summary="Self-adjusting dice beside cross-entropy, for tags of which nearly all are O (Li et al. 2020).",
            params=DiceParams,
            build=build_dice,
        ),
        LossSpec(
            name="binary_cross_entropy",
            summary="For heads with several labels a text: each label's own yes or no.",
            params=BinaryCrossEntropyParams,
            build=build_binary_cross_entropy,
            consumes=SEVERAL,
        ),
        LossSpec(
            name="binary_focal",
            summary="binary_cross_entropy in which labels that the model still gets wrong count more.",
            params=BinaryFocalParams,
            build=build_binary_focal,
            consumes=SEVERAL,
        ),
    ]
