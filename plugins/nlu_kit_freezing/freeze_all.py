"""Only the final classifiers train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nlu_kit.plugin import Layer, ParameterGroup
from nlu_kit_freezing.grouping import group_by_rate, training


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeAll:
    """Encoder and hidden layers of the heads are fixed; final layers and learnable objectives train at ``head_lr``."""

    head_lr: float

    def groups(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> list[ParameterGroup]:
        """The same groups at every epoch."""
        return group_by_rate(layers, self._rate)

    def may_train(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> set[str]:
        """What trains now."""
        return training(self.groups(layers, epoch, scores))

    def _rate(self, layer: Layer) -> float | None:
        return self.head_lr if layer.final or layer.part == "objective" else None
