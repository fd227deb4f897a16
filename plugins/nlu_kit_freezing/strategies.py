"""Which layers train, at which learning rate: all strategies but ``schedule``."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nlu_kit.plugin import ConfigError, Freezing, FreezingContext, Layer, ParameterGroup, Problem
from nlu_kit_freezing import (
    DiscriminativeParams,
    FreezeAllParams,
    FreezeBackboneParams,
    FreezeEmbeddingsParams,
    FreezeLowerParams,
    GradualUnfreezingParams,
    LayerwiseDecayParams,
)
from nlu_kit_freezing.layers import encoder_stack, group_by_rate, group_encoder_and_rest, rates_of, training

_ROUNDING = 1e-9  # 0.29 of 100 blocks is 28.999999999999996 to a float


class Constant(Freezing):
    """The same groups at every epoch."""

    def may_train(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> set[str]:
        """What trains now."""
        return training(self.groups(layers, epoch, scores))


class FreezeAll(Constant):
    """Encoder and hidden layers of the heads are fixed; final layers and learnable objectives train at ``head_lr``."""

    def __init__(self, params: FreezeAllParams, context: FreezingContext) -> None:
        self.head_lr = params.head_lr

    def groups(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> list[ParameterGroup]:
        """The same groups at every epoch."""
        return group_by_rate(layers, self._rate)

    def _rate(self, layer: Layer) -> float | None:
        return self.head_lr if layer.final or layer.part == "objective" else None


class FreezeBackbone(Constant):
    """The encoder is fixed; every layer of the heads and learnable objectives train at ``head_lr``."""

    def __init__(self, params: FreezeBackboneParams, context: FreezingContext) -> None:
        self.head_lr = params.head_lr

    def groups(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> list[ParameterGroup]:
        """The same groups at every epoch."""
        return group_by_rate(layers, self._rate)

    def _rate(self, layer: Layer) -> float | None:
        return None if layer.part == "backbone" else self.head_lr


class Discriminative(Constant):
    """The encoder trains at ``encoder_lr``, the heads and learnable objectives, which are new, at ``head_lr``."""

    def __init__(self, params: DiscriminativeParams, context: FreezingContext) -> None:
        self.encoder_lr, self.head_lr = params.encoder_lr, params.head_lr

    def groups(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> list[ParameterGroup]:
        """The same groups at every epoch."""
        return group_by_rate(layers, self._rate)

    def _rate(self, layer: Layer) -> float | None:
        return self.encoder_lr if layer.part == "backbone" else self.head_lr


class FreezeEmbeddings(Constant):
    """Embeddings are fixed; blocks train at ``encoder_lr``, heads and learnable objectives at ``head_lr``.

    A word that train lacks then keeps its place among those that it has.
    """

    def __init__(self, params: FreezeEmbeddingsParams, context: FreezingContext) -> None:
        self.encoder_lr, self.head_lr = params.encoder_lr, params.head_lr

    def groups(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> list[ParameterGroup]:
        """The same groups at every epoch."""
        stack = encoder_stack(layers)
        rates = rates_of(stack, None, [self.encoder_lr] * len(stack.blocks))
        return group_encoder_and_rest(layers, rates, self.head_lr)


class FreezeLower(Constant):
    """Embeddings and the lowest ``layers`` blocks (or ``fraction`` of all blocks, rounded down) are fixed.

    The blocks above train at ``encoder_lr``, heads and learnable objectives at ``head_lr``. What is fixed is one piece
    from the bottom, so its output can be computed once and reused.
    """

    def __init__(self, params: FreezeLowerParams, context: FreezingContext) -> None:
        self.encoder_lr, self.head_lr = params.encoder_lr, params.head_lr
        self.layers = params.layers
        self.fraction = 0.5 if params.fraction is None else params.fraction

    def groups(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> list[ParameterGroup]:
        """The same groups at every epoch. Raises ConfigError where the encoder has fewer blocks than ``layers``."""
        stack = encoder_stack(layers)
        frozen = self._frozen(len(stack.blocks))
        rates = [None if position < frozen else self.encoder_lr for position in range(len(stack.blocks))]
        return group_encoder_and_rest(layers, rates_of(stack, None, rates), self.head_lr)

    def _frozen(self, blocks: int) -> int:
        if self.layers is None:
            return math.floor(self.fraction * blocks + _ROUNDING)
        if self.layers > blocks:
            message = f"freeze_lower is to fix {self.layers} layers, but this encoder has {blocks} (and its embeddings)"
            raise ConfigError(
                [Problem("freezing", message, f"set its 'layers' to {blocks} or less, or use 'fraction'")]
            )
        return self.layers


class LayerwiseDecay(Constant):
    """Layer-wise learning-rate decay (Howard & Ruder 2018; Clark et al. 2020).

    The top block trains at ``encoder_lr``, each one below at ``decay`` times the rate of the one above, the embeddings
    as one more at the bottom; heads and learnable objectives at ``head_lr``.
    """

    def __init__(self, params: LayerwiseDecayParams, context: FreezingContext) -> None:
        self.encoder_lr, self.head_lr = params.encoder_lr, params.head_lr
        self.decay = params.decay

    def groups(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> list[ParameterGroup]:
        """The same groups at every epoch."""
        stack = encoder_stack(layers)
        depth = len(stack.blocks)
        rates = [self._below(depth - 1 - position) for position in range(depth)]
        return group_encoder_and_rest(layers, rates_of(stack, self._below(depth), rates), self.head_lr)

    def _below(self, steps: int) -> float:
        """The rate ``steps`` below the top block."""
        return float(self.encoder_lr * self.decay**steps)


class GradualUnfreezing(Freezing):
    """Gradual unfreezing (Howard & Ruder 2018).

    Heads and learnable objectives train at ``head_lr`` from the start. After every ``every`` epochs one more block,
    from the top, trains at ``encoder_lr``; the embeddings come last. ``epochs`` is the most that a run has: a block
    whose turn would come later never trains.
    """

    def __init__(self, params: GradualUnfreezingParams, context: FreezingContext) -> None:
        self.encoder_lr, self.head_lr = params.encoder_lr, params.head_lr
        self.every, self.epochs = params.every, context.epochs

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
