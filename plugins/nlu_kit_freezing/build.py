"""From params to strategies."""

from __future__ import annotations

from nlu_kit.model.protocols import Freezing
from nlu_kit.specs import FreezingContext
from nlu_kit_freezing.discriminative import Discriminative
from nlu_kit_freezing.freeze_all import FreezeAll
from nlu_kit_freezing.freeze_backbone import FreezeBackbone
from nlu_kit_freezing.params import DiscriminativeParams, FreezeAllParams, FreezeBackboneParams


def build_freeze_all(params: FreezeAllParams, context: FreezingContext) -> Freezing:
    """The strategy ``freeze_all``."""
    return FreezeAll(head_lr=params.head_lr)


def build_freeze_backbone(params: FreezeBackboneParams, context: FreezingContext) -> Freezing:
    """The strategy ``freeze_backbone``."""
    return FreezeBackbone(head_lr=params.head_lr)


def build_discriminative(params: DiscriminativeParams, context: FreezingContext) -> Freezing:
    """The strategy ``discriminative``."""
    return Discriminative(encoder_lr=params.encoder_lr, head_lr=params.head_lr)
