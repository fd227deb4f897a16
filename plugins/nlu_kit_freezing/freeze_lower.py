"""The lower layers of the encoder are fixed, the upper ones train with the heads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nlu_kit.plugin import ConfigError, Layer, ParameterGroup, Problem
from nlu_kit_freezing.grouping import group_encoder_and_rest, training
from nlu_kit_freezing.stack import encoder_stack, rates_of

_ROUNDING = 1e-9  # 0.29 of 100 blocks is 28.999999999999996 to a float


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeLower:
    """Embeddings and the lowest ``layers`` blocks (or ``fraction`` of all blocks, rounded down) are fixed.

    The blocks above train at ``encoder_lr``, heads and learnable objectives at ``head_lr``. What is fixed is one piece
    from the bottom, so its output can be computed once and reused.
    """

    layers: int | None
    fraction: float
    encoder_lr: float
    head_lr: float

    def groups(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> list[ParameterGroup]:
        """The same groups at every epoch. Raises ConfigError where the encoder has fewer blocks than ``layers``."""
        stack = encoder_stack(layers)
        frozen = self._frozen(len(stack.blocks))
        rates = [None if position < frozen else self.encoder_lr for position in range(len(stack.blocks))]
        return group_encoder_and_rest(layers, rates_of(stack, None, rates), self.head_lr)

    def may_train(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> set[str]:
        """What trains now."""
        return training(self.groups(layers, epoch, scores))

    def _frozen(self, blocks: int) -> int:
        if self.layers is None:
            return math.floor(self.fraction * blocks + _ROUNDING)
        if self.layers > blocks:
            message = f"freeze_lower is to fix {self.layers} layers, but this encoder has {blocks} (and its embeddings)"
            raise ConfigError(
                [Problem("freezing", message, f"set its 'layers' to {blocks} or less, or use 'fraction'")]
            )
        return self.layers
