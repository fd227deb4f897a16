"""The heads train first; then the encoder thaws from the top, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nlu_kit.plugin import Layer, ParameterGroup
from nlu_kit_freezing.grouping import group_encoder_and_rest, training
from nlu_kit_freezing.stack import encoder_stack, rates_of


@dataclass(frozen=True, slots=True, kw_only=True)
class GradualUnfreezing:
    """Gradual unfreezing (Howard & Ruder 2018).

    Heads and learnable objectives train at ``head_lr`` from the start. After every ``every`` epochs one more block,
    from the top, trains at ``encoder_lr``; the embeddings come last. ``epochs`` is the most that a run has: a block
    whose turn would come later never trains.
    """

    every: int
    encoder_lr: float
    head_lr: float
    epochs: int

    def groups(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> list[ParameterGroup]:
        """The heads and the ``epoch // every`` topmost blocks."""
        stack = encoder_stack(layers)
        thawed = min(epoch, self.epochs - 1) // self.every
        depth = len(stack.blocks)
        rates = [self.encoder_lr if position >= depth - thawed else None for position in range(depth)]
        embeddings = self.encoder_lr if thawed > depth else None
        return group_encoder_and_rest(layers, rates_of(stack, embeddings, rates), self.head_lr)

    def may_train(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> set[str]:
        """What trains in the last epoch: nothing freezes again."""
        return training(self.groups(layers, self.epochs - 1, ()))
