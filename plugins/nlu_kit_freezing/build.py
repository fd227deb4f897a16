"""From params to strategies."""

from __future__ import annotations

from nlu_kit.plugin import Freezing, FreezingContext
from nlu_kit_freezing.discriminative import Discriminative
from nlu_kit_freezing.freeze_all import FreezeAll
from nlu_kit_freezing.freeze_backbone import FreezeBackbone
from nlu_kit_freezing.freeze_embeddings import FreezeEmbeddings
from nlu_kit_freezing.freeze_lower import FreezeLower
from nlu_kit_freezing.gradual_unfreezing import GradualUnfreezing
from nlu_kit_freezing.layerwise_decay import LayerwiseDecay
from nlu_kit_freezing.params import (
    PLATEAU_PATIENCE,
    DiscriminativeParams,
    FreezeAllParams,
    FreezeBackboneParams,
    FreezeEmbeddingsParams,
    FreezeLowerParams,
    GradualUnfreezingParams,
    LayerwiseDecayParams,
    ScheduleParams,
    StageParams,
)
from nlu_kit_freezing.schedule import Schedule, Stage, UntilEpoch, UntilPlateau


def build_freeze_all(params: FreezeAllParams, context: FreezingContext) -> Freezing:
    """The strategy ``freeze_all``."""
    return FreezeAll(head_lr=params.head_lr)


def build_freeze_backbone(params: FreezeBackboneParams, context: FreezingContext) -> Freezing:
    """The strategy ``freeze_backbone``."""
    return FreezeBackbone(head_lr=params.head_lr)


def build_discriminative(params: DiscriminativeParams, context: FreezingContext) -> Freezing:
    """The strategy ``discriminative``."""
    return Discriminative(encoder_lr=params.encoder_lr, head_lr=params.head_lr)


def build_freeze_embeddings(params: FreezeEmbeddingsParams, context: FreezingContext) -> Freezing:
    """The strategy ``freeze_embeddings``."""
    return FreezeEmbeddings(encoder_lr=params.encoder_lr, head_lr=params.head_lr)


def build_freeze_lower(params: FreezeLowerParams, context: FreezingContext) -> Freezing:
    """The strategy ``freeze_lower``."""
    return FreezeLower(
        layers=params.layers,
        fraction=0.5 if params.fraction is None else params.fraction,
        encoder_lr=params.encoder_lr,
        head_lr=params.head_lr,
    )


def build_layerwise_decay(params: LayerwiseDecayParams, context: FreezingContext) -> Freezing:
    """The strategy ``layerwise_decay``."""
    return LayerwiseDecay(encoder_lr=params.encoder_lr, decay=params.decay, head_lr=params.head_lr)


def build_gradual_unfreezing(params: GradualUnfreezingParams, context: FreezingContext) -> Freezing:
    """The strategy ``gradual_unfreezing``."""
    return GradualUnfreezing(
        every=params.every, encoder_lr=params.encoder_lr, head_lr=params.head_lr, epochs=context.epochs
    )


def build_schedule(params: ScheduleParams, context: FreezingContext) -> Freezing:
    """The strategy ``schedule``, with the strategies inside it."""
    return Schedule(
        stages=[Stage(strategy=context.nested(stage), until=_until(stage)) for stage in params.stages],
    )


def _until(stage: StageParams) -> UntilEpoch | UntilPlateau | None:
    if stage.until is None:
        return None
    if isinstance(stage.until, int):
        return UntilEpoch(epochs=stage.until)
    return UntilPlateau(patience=stage.plateau_patience or PLATEAU_PATIENCE)
