"""Device, mixed precision and processes, all from Accelerate; and the check that the world is the one asked for."""

from __future__ import annotations

import os

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from nlu_kit.config.schema import TrainingConfig
from nlu_kit.errors import ConfigError, Problem
from nlu_kit.training.precision import choose_precision

# `accelerate launch --cpu --num_processes 2` starts one process and does not tell it of the other; but it sets an
# address to meet at, which it does for several processes only (torchrun, which sets it always, sets WORLD_SIZE too).
_ACCELERATE_LAUNCH = {"ACCELERATE_MIXED_PRECISION", "MASTER_ADDR"}
_ACCELERATE_NAMES = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


def make_accelerator(config: TrainingConfig) -> tuple[Accelerator, str]:
    """(accelerator, precision). Raises ConfigError for a device that is not there, a precision that it can't do, or a
    number of processes that is not what was asked for."""
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    device = _choose_device(config.device)
    precision = choose_precision(config.precision, device)
    # Accelerate keeps the first run's device and precision for the whole process; this run may want others.
    AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = Accelerator(
        cpu=device == "cpu",
        mixed_precision=_ACCELERATE_NAMES[precision],
    )
    _check_world(config, accelerator.num_processes)
    return accelerator, precision


def _choose_device(asked: str) -> str:
    have = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if asked == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if have[name])
    if not have[asked]:
        there = ", ".join(name for name, present in have.items() if present)
        raise ConfigError(
            [Problem("training.device", f"there is no {asked} device here", f"use auto, or one of: {there}")]
        )
    return asked


def _check_world(config: TrainingConfig, found: int) -> None:
    """A launcher that starts fewer processes than it was told to would train on a fraction of each batch unnoticed."""
    launched = os.environ.get("WORLD_SIZE")
    if config.processes is not None and config.processes != found:
        hint = f"start it with: torchrun --nproc_per_node {config.processes} -m nlu_kit train pipeline.json"
        message = f"{config.processes} processes were asked for, {found} are running"
        raise ConfigError([Problem("training.processes", message, hint)])
    if launched is not None and int(launched) != found:
        hint = f"start it with: torchrun --nproc_per_node {launched} -m nlu_kit train pipeline.json"
        raise ConfigError(
            [Problem("", f"the launcher set WORLD_SIZE={launched}, but {found} processes are joined", hint)]
        )
    if launched is None and found == 1 and os.environ.keys() >= _ACCELERATE_LAUNCH:
        hint = (
            "on CPUs start several with: torchrun --nproc_per_node 2 -m nlu_kit train pipeline.json; to train in one "
            "process leave out --num_processes"
        )
        raise ConfigError([Problem("", "accelerate launch was asked for several processes but started one", hint)])
