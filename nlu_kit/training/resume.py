"""Points that a run can go on from, to the same weights bit by bit as if nothing had happened.

A point is a folder ``checkpoints/epoch-<n>-step-<n>``: ``state.safetensors`` holds the weights that may change and
AdamW's moments, ``state.json`` where training is, what it has found, the random states of every process, and what it
was made with. It is written beside, flushed to the disk and renamed. Nothing in it is pickled.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from nlu_kit.errors import TrainingError
from nlu_kit.files import JsonError, read_json, replacing, sha256, write_json
from nlu_kit.training.folders import CHECKPOINTS, FILES, MODEL, points
from nlu_kit.training.made_with import MadeWith

STATE, TENSORS = "state.json", "state.safetensors"
_SELDOM = 30.0  # seconds: an epoch that ends sooner after a point is as soon repeated as written
_MOMENT = "moment:"


@dataclass(slots=True, kw_only=True)
class Position:
    """Where training is, and what it has found so far: ``step`` batches of ``epoch`` are done.

    ``best_score`` to ``unlearnt`` are what EarlyStopping knows. ``sums``, ``seen``, ``seconds``, ``notes`` and
    ``rates`` are of the epoch that has begun; ``sizes`` of files that are only ever appended to; ``elapsed``: seconds
    since the run began, without the time that it lay still; ``skipped``: steps that were left out; ``found``: of
    pre-training, the figures of each validation. ``asked``: somebody asked for the end.
    """

    epoch: int = 0
    step: int = 0
    global_step: int = 0
    scores: list[float] = field(default_factory=list)
    best_score: float | None = None
    best_loss: float | None = None
    best_epoch: int = -1
    waited: int = 0
    first: dict[str, float] = field(default_factory=dict)
    unlearnt: list[float] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    seen: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    rates: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    elapsed: float = 0.0
    skipped: int = 0
    found: list[dict[str, float]] = field(default_factory=list)
    asked: bool = False


class _Stored(BaseModel):
    """state.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int
    sha256: str
    position: Position
    random: list[dict[str, Any]]
    scaler: dict[str, Any]
    made_with: MadeWith


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A point that was read and is whole."""

    folder: Path
    position: Position
    random: Sequence[Mapping[str, Any]]
    scaler: Mapping[str, Any]
    made_with: MadeWith
    tensors: Mapping[str, Tensor]


class Points:
    """Writes the points of a run, and keeps the last ``keep`` of them."""

    def __init__(self, folder: Path, made_with: MadeWith, *, minutes: float, keep: int) -> None:
        self.folder, self.made_with = folder, made_with
        self.seconds, self.keep = 60 * minutes, keep
        self._written = time.monotonic()

    def is_due(self, *, epoch_ends: bool = False) -> bool:
        """Whether so much time has passed since the last that another is wanted."""
        return time.monotonic() - self._written >= (min(_SELDOM, self.seconds) if epoch_ends else self.seconds)

    def write(
        self,
        tensors: Mapping[str, Tensor],
        position: Position,
        *,
        random: Sequence[Mapping[str, Any]],
        scaler: Mapping[str, Any],
    ) -> None:
        """Raises TrainingError where it can't be written; the points before are still there then."""
        place = self.folder / f"epoch-{position.epoch + 1}-step-{position.step}"
        try:
            shutil.rmtree(place, ignore_errors=True)  # of a run that was resumed before it
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(place, durable=True) as temporary:
                temporary.mkdir()
                save_file(dict(tensors), str(temporary / TENSORS))
                state = _Stored(
                    format=1,
                    sha256=sha256(temporary / TENSORS),
                    position=position,
                    random=[dict(each) for each in random],
                    scaler=dict(scaler),
                    made_with=self.made_with,
                )
                write_json(temporary / STATE, state.model_dump())
        except (SafetensorError, OSError) as error:
            raise TrainingError(f"the checkpoint {place} can't be written: {error}") from error
        finally:
            self._written = time.monotonic()
        for old in points(self.folder)[self.keep :]:
            shutil.rmtree(old, ignore_errors=True)


def last_point(run: Path, *, result: str = MODEL) -> tuple[Point | None, list[str]]:
    """The newest point of a run and what there is to say of that. None where it ended before it had written one: what
    it was made from is there, and it begins again. Raises TrainingError where no point is whole, or all is missing."""
    if points(run / CHECKPOINTS):
        return newest(run / CHECKPOINTS)
    if not (run / FILES[result]).is_file():
        raise TrainingError(f"{run} has no {FILES[result]} and no checkpoint: nothing was begun there, so train anew")
    return None, ["the run had no checkpoint yet, so it begins again"]


def newest(folder: Path) -> tuple[Point, list[str]]:
    """The newest point that is whole, and what is wrong with those that are newer. Raises TrainingError for none."""
    wrong: list[str] = []
    for place in points(folder):
        try:
            return read(place), wrong
        except TrainingError as error:
            wrong.append(str(error))
    reason = f": {'; '.join(wrong)}" if wrong else ", so there is nothing to go on from"
    raise TrainingError(f"{folder.parent} has no checkpoint that can be resumed{reason}")


def read(place: Path) -> Point:
    """Raises TrainingError where it is not whole."""
    try:
        state = _Stored.model_validate(read_json(place / STATE))
        if state.format != 1:
            raise TrainingError(f"the checkpoint {place} is of a newer nlu-kit")
        if sha256(place / TENSORS) != state.sha256:
            raise TrainingError(f"the checkpoint {place} is damaged: {TENSORS} is not what was written")
        tensors = load_file(str(place / TENSORS))
    except (OSError, JsonError, SafetensorError, ValidationError, TypeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise TrainingError(f"the checkpoint {place} can't be used: {reason}") from error
    return Point(
        folder=place,
        position=state.position,
        random=state.random,
        scaler=state.scaler,
        made_with=state.made_with,
        tensors=tensors,
    )


# --- tensors and chance -----------------------------------------------------------------------------------------------


def moments(named: Mapping[str, torch.nn.Parameter], optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What the optimiser keeps of each parameter, by name."""
    return {
        f"{_MOMENT}{name}:{key}": value.detach().cpu().contiguous()
        for name, parameter in named.items()
        for key, value in optimiser.state.get(parameter, {}).items()
    }


def set_moments(
    tensors: Mapping[str, Tensor], named: Mapping[str, torch.nn.Parameter], optimiser: torch.optim.Optimizer
) -> None:
    """Put them back. Raises TrainingError for those of another model."""
    for key, value in tensors.items():
        if key.startswith(_MOMENT):
            name, _, what = key.removeprefix(_MOMENT).rpartition(":")
            if name not in named:
                raise TrainingError(f"the checkpoint is of another model: it has {name}")
            optimiser.state[named[name]][what] = value.to(named[name].device)


def weights(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of the module."""
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(_MOMENT)}


def random_state(device: torch.device) -> dict[str, Any]:
    """Of this process: Python's, numpy's, torch's, and that of its device."""
    kind, keys, place, has_gauss, gauss = np.random.get_state(legacy=True)
    state: dict[str, Any] = {
        "python": [*random.getstate()[:1], list(random.getstate()[1]), random.getstate()[2]],
        "numpy": [kind, np.asarray(keys).tolist(), place, has_gauss, gauss],
        "torch": torch.get_rng_state().numpy().tobytes().hex(),
    }
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device).numpy().tobytes().hex()
    return state


def set_random_state(state: Mapping[str, Any], device: torch.device) -> None:
    """Put it back."""
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    kind, keys, place, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), place, has_gauss, cached))
    torch.set_rng_state(_bytes(state["torch"]))
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(_bytes(state["cuda"]), device)


def _bytes(digits: str) -> Tensor:
    return torch.frombuffer(bytearray.fromhex(digits), dtype=torch.uint8)
