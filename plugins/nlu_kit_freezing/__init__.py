"""What trains, at which learning rate, and from which epoch on. No torch anywhere here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nlu_kit.plugin import FreezingSpec, hookimpl
from nlu_kit_freezing import params, strategies
from nlu_kit_freezing.schedule import Schedule

NLU_KIT_CONTRACT = 2


@hookimpl
def nlu_kit_freezing_strategies() -> Iterable[FreezingSpec[Any]]:
    return [
        FreezingSpec(
            name="freeze_all",
            summary="Only each head's final classifier trains; the encoder and the heads' hidden layers are fixed.",
            params=params.FreezeAllParams,
            build=strategies.FreezeAll,
        ),
        FreezingSpec(
            name="freeze_backbone",
            summary="The heads train, all their layers; the encoder is fixed.",
            params=params.FreezeBackboneParams,
            build=strategies.FreezeBackbone,
        ),
        FreezingSpec(
            name="freeze_lower",
            summary="The encoder's lower half (or as much of it as you say) is fixed; the rest and the heads train.",
            params=params.FreezeLowerParams,
            build=strategies.FreezeLower,
        ),
        FreezingSpec(
            name="freeze_embeddings",
            summary="The encoder's embeddings are fixed; its layers train slowly, the heads fast.",
            params=params.FreezeEmbeddingsParams,
            build=strategies.FreezeEmbeddings,
        ),
        FreezingSpec(
            name="discriminative",
            summary="Everything trains: the encoder slowly, the heads fast.",
            params=params.DiscriminativeParams,
            build=strategies.Discriminative,
            default=True,
        ),
        FreezingSpec(
            name="layerwise_decay",
            summary="Everything trains, each layer of the encoder more slowly than the one above it (LLRD).",
            params=params.LayerwiseDecayParams,
            build=strategies.LayerwiseDecay,
        ),
        FreezingSpec(
            name="gradual_unfreezing",
            summary="The heads train first; then the encoder thaws from the top, one layer every few epochs.",
            params=params.GradualUnfreezingParams,
            build=strategies.GradualUnfreezing,
        ),
        FreezingSpec(
            name="schedule",
            summary="One strategy after the other: until an epoch, or until the dev score no longer rises.",
            params=params.ScheduleParams,
            build=Schedule,
        ),
    ]
