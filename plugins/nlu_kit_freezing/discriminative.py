"""Everything trains, the encoder more slowly than the heads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nlu_kit.plugin import Layer, ParameterGroup
from nlu_kit_freezing.grouping import group_by_rate, training


@dataclass(frozen=True, slots=True, kw_only=True)
class Discriminative:
    """The encoder trains at ``encoder_lr``, the heads and learnable objectives, which are new, at ``head_lr``."""

    encoder_lr: float
    head_lr: float

    def groups(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> list[ParameterGroup]:
        """The same groups at every epoch."""
        return group_by_rate(layers, self._rate)

    def may_train(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> set[str]:
        """What trains now."""
        return training(self.groups(layers, epoch, scores))

    def _rate(self, layer: Layer) -> float | None:
        return self.encoder_lr if layer.part == "backbone" else self.head_lr
