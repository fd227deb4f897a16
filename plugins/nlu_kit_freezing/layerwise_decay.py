"""Everything trains, each layer of the encoder more slowly than the one above it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nlu_kit.plugin import Layer, ParameterGroup
from nlu_kit_freezing.grouping import group_encoder_and_rest, training
from nlu_kit_freezing.stack import encoder_stack, rates_of


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerwiseDecay:
    """Layer-wise learning-rate decay (Howard & Ruder 2018; Clark et al. 2020).

    The top block trains at ``encoder_lr``, each one below at ``decay`` times the rate of the one above, the embeddings
    as one more at the bottom; heads and learnable objectives at ``head_lr``.
    """

    encoder_lr: float
    decay: float
    head_lr: float

    def groups(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> list[ParameterGroup]:
        """The same groups at every epoch."""
        stack = encoder_stack(layers)
        depth = len(stack.blocks)
        rates = [self._below(depth - 1 - position) for position in range(depth)]
        return group_encoder_and_rest(layers, rates_of(stack, self._below(depth), rates), self.head_lr)

    def may_train(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> set[str]:
        """What trains now."""
        return training(self.groups(layers, epoch, scores))

    def _below(self, steps: int) -> float:
        """The rate ``steps`` below the top block."""
        return float(self.encoder_lr * self.decay**steps)
