"""A callback that listens, and a trainer on the tiny pipeline."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from accelerate.utils import set_seed

from nlu_kit.config.check import resolve
from nlu_kit.data.batch import collate
from nlu_kit.plugin.events import EpochEnd, StepEnd
from nlu_kit.training.accelerator import make_accelerator
from nlu_kit.training.checkpoint import Checkpoint
from nlu_kit.training.duration import epochs_of
from nlu_kit.training.prepare import prepare
from nlu_kit.training.static import StaticLayers
from nlu_kit.training.trainer import Listeners, Trainer, Validation


class Listening:
    """A callback that keeps all events and may do something at the end of a step or an epoch."""

    def __init__(self, *, at_step: Any = None, at_epoch: Any = None) -> None:
        self.events: list[Any] = []
        self.at_step, self.at_epoch = at_step, at_epoch

    def on_run_start(self, event: Any) -> None:
        self.events.append(event)

    def on_step_end(self, event: StepEnd) -> None:
        self.events.append(event)
        if self.at_step:
            self.at_step(event)

    def on_epoch_end(self, event: EpochEnd) -> None:
        self.events.append(event)
        if self.at_epoch:
            self.at_epoch(event)

    def on_run_end(self, event: Any) -> None:
        self.events.append(event)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def listen() -> type[Listening]:
    """``listen(at_step=…)``: a callback that keeps all events."""
    return Listening


@pytest.fixture
def make_trainer(pipeline_sections: Any, tmp_path: Path, listen: Any) -> Callable[..., Trainer]:
    """``make_trainer(scores=[0.1, 0.2], **sections)``: a trainer whose dev scores are these, one an epoch."""

    def make(scores: Any = None, listening: Any = None, freezing_strategy: Any = None, **sections: Any) -> Trainer:
        pipeline = resolve(pipeline_sections(**sections), base_dir=Path())
        accelerator, _ = make_accelerator(pipeline.training)
        set_seed(pipeline.training.seed)
        prepared = prepare(pipeline)
        values = iter(scores or [])

        def validate() -> Validation:
            score = next(values, 0.0)
            return Validation(scores={"made.up": score}, main=["made.up"], score=score, samples=[])

        listening = listening or listen()
        return Trainer(
            config=pipeline.training,
            epochs=epochs_of(prepared.pipeline),
            accelerator=accelerator,
            objective=prepared.objective,
            collate=partial(
                collate,
                prepared.train,
                pad_id=prepared.objective.model.backbone.pad_id,
                device=accelerator.device,
            ),
            fgm=pipeline.training.fgm,
            sampler=prepared.sampler,
            freezing=freezing_strategy or prepared.freezing,
            checkpoint=Checkpoint(tmp_path / "checkpoints"),
            validate=validate,
            static=StaticLayers(
                prepared.objective.model.backbone, [prepared.train], budget=0, file=tmp_path / "static", processes=1
            ),
            listeners=Listeners(step=listening.on_step_end, epoch=listening.on_epoch_end),
        )

    return make
