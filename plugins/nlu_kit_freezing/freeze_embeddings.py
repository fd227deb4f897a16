"""Everything but the embeddings trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nlu_kit.plugin import Layer, ParameterGroup
from nlu_kit_freezing.grouping import group_encoder_and_rest, training
from nlu_kit_freezing.stack import encoder_stack, rates_of


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeEmbeddings:
    """Embeddings are fixed; blocks train at ``encoder_lr``, heads and learnable objectives at ``head_lr``.

    A word that train lacks then keeps its place among those that it has.
    """

    encoder_lr: float
    head_lr: float

    def groups(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> list[ParameterGroup]:
        """The same groups at every epoch."""
        stack = encoder_stack(layers)
        rates = rates_of(stack, None, [self.encoder_lr] * len(stack.blocks))
        return group_encoder_and_rest(layers, rates, self.head_lr)

    def may_train(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> set[str]:
        """What trains now."""
        return training(self.groups(layers, epoch, scores))
