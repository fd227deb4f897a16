"""From params to torch modules; torch is imported only when a loss is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nlu_kit.plugin import LossContext
from nlu_kit_losses.params import (
    BinaryCrossEntropyParams,
    BinaryFocalParams,
    CrossEntropyParams,
    DiceParams,
    FocalParams,
    WeightedCrossEntropyParams,
)

if TYPE_CHECKING:
    from nlu_kit.plugin import Loss


def build_cross_entropy(params: CrossEntropyParams, context: LossContext) -> Loss:
    """The losses ``cross_entropy`` and ``label_smoothing``, which differ in their default only."""
    from nlu_kit_losses.cross_entropy import CrossEntropy

    return CrossEntropy(label_smoothing=params.label_smoothing)


def build_weighted_cross_entropy(params: WeightedCrossEntropyParams, context: LossContext) -> Loss:
    """The loss ``weighted_cross_entropy``. Raises ConfigError for a hand-given weight of a label the head lacks."""
    from nlu_kit_losses.class_weights import weights_for
    from nlu_kit_losses.weighted_cross_entropy import WeightedCrossEntropy

    return WeightedCrossEntropy(weights_for(params, context), label_smoothing=params.label_smoothing)


def build_focal(params: FocalParams, context: LossContext) -> Loss:
    """The loss ``focal``. Raises ConfigError for a hand-given weight of a label the head lacks."""
    from nlu_kit_losses.class_weights import weights_for
    from nlu_kit_losses.focal import Focal

    return Focal(weights_for(params, context), gamma=params.gamma)


def build_dice(params: DiceParams, context: LossContext) -> Loss:
    """The loss ``dice``."""
    from nlu_kit_losses.dice import Dice

    return Dice(alpha=params.alpha, smooth=params.smooth, cross_entropy=params.cross_entropy)


def build_binary_cross_entropy(params: BinaryCrossEntropyParams, context: LossContext) -> Loss:
    """The loss ``binary_cross_entropy``."""
    from nlu_kit_losses.binary import BinaryCrossEntropy

    return BinaryCrossEntropy(positive_weight=params.positive_weight)


def build_binary_focal(params: BinaryFocalParams, context: LossContext) -> Loss:
    """The loss ``binary_focal``."""
    from nlu_kit_losses.binary import BinaryCrossEntropy

    return BinaryCrossEntropy(positive_weight=params.positive_weight, gamma=params.gamma)
