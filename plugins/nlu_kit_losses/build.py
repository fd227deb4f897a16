"""From params to torch modules; torch is imported only when a loss is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nlu_kit.specs import LossContext
from nlu_kit_losses.params import CrossEntropyParams, WeightedCrossEntropyParams

if TYPE_CHECKING:
    from nlu_kit.model.modules import Loss


def build_cross_entropy(params: CrossEntropyParams, context: LossContext) -> Loss:
    """The loss ``cross_entropy``."""
    from nlu_kit_losses.cross_entropy import CrossEntropy

    return CrossEntropy(label_smoothing=params.label_smoothing)


def build_weighted_cross_entropy(params: WeightedCrossEntropyParams, context: LossContext) -> Loss:
    """The loss ``weighted_cross_entropy``. Raises ConfigError for a hand-given weight of a label the head lacks."""
    from nlu_kit_losses.class_weights import weights_for
    from nlu_kit_losses.weighted_cross_entropy import WeightedCrossEntropy

    return WeightedCrossEntropy(weights_for(params, context), label_smoothing=params.label_smoothing)
