"""The parameters of the freezing strategies."""

from __future__ import annotations

from pydantic import Field

from nlu_kit.specs import Params


class FreezeAllParams(Params):
    """Parameters of ``freeze_all``."""

    head_lr: float = Field(
        default=1e-3, gt=0, allow_inf_nan=False, description="Learning rate of the heads' final classifiers."
    )


class FreezeBackboneParams(Params):
    """Parameters of ``freeze_backbone``."""

    head_lr: float = Field(default=1e-3, gt=0, allow_inf_nan=False, description="Learning rate of the heads.")


class DiscriminativeParams(Params):
    """Parameters of ``discriminative``."""

    encoder_lr: float = Field(default=5e-5, gt=0, allow_inf_nan=False, description="Learning rate of the encoder.")
    head_lr: float = Field(default=1e-3, gt=0, allow_inf_nan=False, description="Learning rate of the heads.")
