"""From a training to a point that it can be resumed at, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn

from nlu_kit.errors import TrainingError
from nlu_kit.training.checkpoint import Checkpoint
from nlu_kit.training.resume import (
    Point,
    Points,
    Position,
    moments,
    random_state,
    set_moments,
    set_random_state,
    weights,
)
from nlu_kit.training.signals import Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumable:
    """What lets a run be resumed: where its points go, who asks for an end, how large the run's records are, how many
    seconds it has taken, and what its validation keeps."""

    points: Points
    ending: Ending
    sizes: Callable[[], Mapping[str, int]]
    elapsed: Callable[[], float]
    found: Callable[[], Sequence[Mapping[str, float]]] = list

    def write(
        self, at: Position, accelerator: Accelerator, objective: nn.Module, optimiser: Any, checkpoint: Checkpoint
    ) -> None:
        """Write a point; all processes must call this. ``optimiser`` is the accelerator's. Raises TrainingError where
        it can't be written."""
        chance = gather_object([random_state(accelerator.device)])
        if not accelerator.is_main_process:
            return
        at.sizes, at.elapsed = dict(self.sizes()), self.elapsed()
        at.found = [dict(figures) for figures in self.found()]
        scaler = accelerator.scaler
        self.points.write(
            {**checkpoint.changing(objective), **moments(dict(objective.named_parameters()), optimiser.optimizer)},
            at,
            random=chance,
            scaler={} if scaler is None else scaler.state_dict(),
        )


def restore(
    point: Point, accelerator: Accelerator, objective: nn.Module, optimiser: Any, checkpoint: Checkpoint
) -> None:
    """Weights, moments, scale and chance as they were. Raises TrainingError where the point is of another model."""
    own = weights(point.tensors)
    _, unexpected = objective.load_state_dict(own, strict=False)
    if unexpected or own.keys() != checkpoint.changing(objective).keys():
        raise TrainingError(f"the checkpoint {point.folder} is of another model")
    set_moments(point.tensors, dict(objective.named_parameters()), optimiser.optimizer)
    if point.scaler and accelerator.scaler is not None:
        accelerator.scaler.load_state_dict(dict(point.scaler))
    if accelerator.process_index < len(point.random):
        set_random_state(point.random[accelerator.process_index], accelerator.device)
