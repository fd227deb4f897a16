"""What trains, at which learning rate, and from which epoch on. No torch anywhere here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from nlu_kit.plugin import Component, FreezingSpec, Nested, Params, hookimpl, lazy

NLU_KIT_CONTRACT = 2


PLATEAU: Literal["plateau"] = "plateau"
PLATEAU_PATIENCE = 2
MOST_EPOCHS = 1_000_000
LARGEST_RATE = 1e6


class _Heads(Params):
    head_lr: float = Field(default=1e-3, gt=0, le=LARGEST_RATE, description="Learning rate of the heads.")


class _EncoderAndHeads(Params):
    encoder_lr: float = Field(default=5e-5, gt=0, le=LARGEST_RATE, description="Learning rate of the encoder.")
    head_lr: float = Field(default=1e-3, gt=0, le=LARGEST_RATE, description="Learning rate of the heads.")


class FreezeAllParams(Params):
    """Parameters of ``freeze_all``."""

    head_lr: float = Field(
        default=1e-3, gt=0, le=LARGEST_RATE, description="Learning rate of the heads' final classifiers."
    )


class FreezeBackboneParams(_Heads):
    """Parameters of ``freeze_backbone``."""


class DiscriminativeParams(_EncoderAndHeads):
    """Parameters of ``discriminative``."""


class FreezeEmbeddingsParams(_EncoderAndHeads):
    """Parameters of ``freeze_embeddings``."""


class FreezeLowerParams(_EncoderAndHeads):
    """Parameters of ``freeze_lower``."""

    layers: int | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="How many of the encoder's layers are fixed, counted from the embeddings up.",
    )
    fraction: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Or the share of them, rounded down to whole layers; 0.5 where neither is given.",
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> FreezeLowerParams:
        if self.layers is not None and self.fraction is not None:
            raise ValueError("'layers' and 'fraction' both say how much is fixed: give one of them")
        return self


class LayerwiseDecayParams(_EncoderAndHeads):
    """Parameters of ``layerwise_decay``."""

    encoder_lr: float = Field(
        default=5e-5, gt=0, le=LARGEST_RATE, description="Learning rate of the encoder's top layer."
    )
    decay: float = Field(
        default=0.9, gt=0, le=1, description="What the rate is multiplied with from each layer to the one below."
    )


class GradualUnfreezingParams(_EncoderAndHeads):
    """Parameters of ``gradual_unfreezing``."""

    every: int = Field(
        default=1, ge=1, le=MOST_EPOCHS, description="Epochs after which the next layer of the encoder thaws."
    )


Epoch = Annotated[int, Field(ge=1, le=MOST_EPOCHS)]


def _epochs_or_plateau(value: Any) -> Any:
    if value in (None, PLATEAU) or (type(value) is int and 1 <= value <= MOST_EPOCHS):
        return value
    raise ValueError(f'an epoch from 1 to {MOST_EPOCHS}, or "plateau"')


class StageParams(Component):
    """One stage of ``schedule``: a strategy's own section with two more keys."""

    until: Annotated[
        Annotated[int, Field(ge=1, le=MOST_EPOCHS)] | Literal["plateau"] | None, BeforeValidator(_epochs_or_plateau)
    ] = Field(default=None, description="The last epoch of this stage, or 'plateau'; the last stage has none.")
    plateau_patience: int | None = Field(
        default=None,
        ge=1,
        le=MOST_EPOCHS,
        description=f"With 'plateau': epochs without a better dev score before the next stage; {PLATEAU_PATIENCE} "
        "when absent. Keep it below training.patience.",
    )


def _one_after_the_other(stages: list[StageParams]) -> list[StageParams]:
    reached = 0
    for number, stage in enumerate(stages, start=1):
        if (stage.until is None) != (number == len(stages)):
            missing = (
                "needs an 'until' (an epoch, or \"plateau\")" if stage.until is None else "is the last: no 'until'"
            )
            raise ValueError(f"stage {number} ({stage.type}) {missing}")
        if stage.plateau_patience is not None and stage.until != PLATEAU:
            raise ValueError(f'stage {number} ({stage.type}) has a \'plateau_patience\', but not "until": "plateau"')
        if isinstance(stage.until, int):
            if stage.until <= reached:
                raise ValueError(f"stage {number} ({stage.type}) ends with epoch {stage.until}, not after {reached}")
            reached = stage.until
    return stages


class ScheduleParams(Params):
    """Parameters of ``schedule``."""

    stages: Annotated[
        list[Annotated[StageParams, Nested("freezing")]], Field(min_length=1), AfterValidator(_one_after_the_other)
    ] = Field(
        default_factory=lambda: [StageParams(type="freeze_backbone", until=3), StageParams(type="discriminative")],
        description="Strategies in turn, each a section like `freezing` itself. All but the last also have 'until': "
        "the last epoch of their stage (of the whole run, from 1), or 'plateau': until the dev score has not risen for "
        f"'plateau_patience' epochs ({PLATEAU_PATIENCE} when absent; keep it below training.patience).",
    )


@hookimpl
def nlu_kit_freezing_strategies() -> Iterable[FreezingSpec[Any]]:
    return [
        FreezingSpec(
            name="freeze_all",
            summary="Only each head's final classifier trains; the encoder and the heads' hidden layers are fixed.",
            params=FreezeAllParams,
            build=lazy("nlu_kit_freezing.strategies:FreezeAll"),
        ),
        FreezingSpec(
            name="freeze_backbone",
            summary="The heads train, all their layers; the encoder is fixed.",
            params=FreezeBackboneParams,
            build=lazy("nlu_kit_freezing.strategies:FreezeBackbone"),
        ),
        FreezingSpec(
            name="freeze_lower",
            summary="The encoder's lower half (or as much of it as you say) is fixed; the rest and the heads train.",
            params=FreezeLowerParams,
            build=lazy("nlu_kit_freezing.strategies:FreezeLower"),
        ),
        FreezingSpec(
            name="freeze_embeddings",
            summary="The encoder's embeddings are fixed; its layers train slowly, the heads fast.",
            params=FreezeEmbeddingsParams,
            build=lazy("nlu_kit_freezing.strategies:FreezeEmbeddings"),
        ),
        FreezingSpec(
            name="discriminative",
            summary="Everything trains: the encoder slowly, the heads fast.",
            params=DiscriminativeParams,
            build=lazy("nlu_kit_freezing.strategies:Discriminative"),
            few_examples={"encoder_lr": 1e-4},  # of few batches, so that each must count for more
            few_examples_at_random={"encoder_lr": 2e-4},
            default=True,
        ),
        FreezingSpec(
            name="layerwise_decay",
            summary="Everything trains, each layer of the encoder more slowly than the one above it (LLRD).",
            params=LayerwiseDecayParams,
            build=lazy("nlu_kit_freezing.strategies:LayerwiseDecay"),
        ),
        FreezingSpec(
            name="gradual_unfreezing",
            summary="The heads train first; then the encoder thaws from the top, one layer every few epochs.",
            params=GradualUnfreezingParams,
            build=lazy("nlu_kit_freezing.strategies:GradualUnfreezing"),
        ),
        FreezingSpec(
            name="schedule",
            summary="One strategy after the other: until an epoch, or until the dev score no longer rises.",
            params=ScheduleParams,
            build=lazy("nlu_kit_freezing.schedule:Schedule"),
        ),
    ]
