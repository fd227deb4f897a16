"""What trains, at which learning rate: only the classifiers, the heads, or everything. No torch anywhere here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nlu_kit.hookspecs import hookimpl
from nlu_kit.specs import FreezingSpec
from nlu_kit_freezing.build import build_discriminative, build_freeze_all, build_freeze_backbone
from nlu_kit_freezing.params import DiscriminativeParams, FreezeAllParams, FreezeBackboneParams


@hookimpl
def nlu_kit_freezing_strategies() -> Iterable[FreezingSpec[Any]]:
    return [
        FreezingSpec(
            name="freeze_all",
            summary="Only each head's final classifier trains; the encoder and the heads' hidden layers are fixed.",
            params=FreezeAllParams,
            build=build_freeze_all,
        ),
        FreezingSpec(
            name="freeze_backbone",
            summary="The heads train, all their layers; the encoder is fixed.",
            params=FreezeBackboneParams,
            build=build_freeze_backbone,
        ),
        FreezingSpec(
            name="discriminative",
            summary="Everything trains: the encoder slowly, the heads fast.",
            params=DiscriminativeParams,
            build=build_discriminative,
            default=True,
        ),
    ]
