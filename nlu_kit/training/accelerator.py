"""The accelerator of a run: processes, devices, precision, and the memory that it took."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list

from nlu_kit.config.schema import LoopConfig
from nlu_kit.errors import ConfigError, Problem
from nlu_kit.memory import resident_peak_mb
from nlu_kit.runtime.torch_runtime import limit_threads
from nlu_kit.training.folders import new_run_folder

# `accelerate launch --cpu --num_processes 2` starts one process and does not tell it of the other; but it sets an
# address to meet at, which it does for several processes only (torchrun, which sets it always, sets WORLD_SIZE too).
_ACCELERATE_LAUNCH = {"ACCELERATE_MIXED_PRECISION", "MASTER_ADDR"}
_ACCELERATE_NAMES = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


def make_accelerator(config: LoopConfig) -> tuple[Accelerator, str]:
    """(accelerator, precision). Raises ConfigError for a device that is not there, a precision that it can't do, or a
    number of processes that is not what was asked for."""
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    else:
        limit_threads()
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


def _check_world(config: LoopConfig, found: int) -> None:
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


def choose_precision(asked: str, device_type: str) -> str:
    """``"fp32"``, ``"bf16"`` or ``"fp16"`` for a device of type cpu, cuda or mps.

    ``auto`` is bf16 where the hardware multiplies in it, fp16 on older GPUs, else fp32: a CPU without AMX or
    AVX512-BF16 emulates bf16 many times slower. Raises ConfigError for what the device can't do.
    """
    if asked == "fp16" and device_type != "cuda":
        hint = "use bf16, fp32 or auto"
        raise ConfigError([Problem("training.precision", f"fp16 needs a CUDA device, this is {device_type}", hint)])
    if asked != "auto":
        return asked
    if device_type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "bf16" if device_type == "cpu" and cpu_multiplies_bf16() else "fp32"


def cpu_multiplies_bf16() -> bool:
    """Whether this CPU has bf16 matrix instructions (AMX or AVX512-BF16)."""
    # torch tells it under private names only; where they are gone, fp32 is the safe answer.
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(bool(probe()) for name in probes if (probe := getattr(torch.cpu, name, None)) is not None)


def reset_peak_memory(device: torch.device) -> None:
    """Start counting anew, where the device allows it; a process's own peak can't be reset."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory_mb(device: torch.device) -> float:
    """Peak memory so far in MB: allocated on a GPU since the reset, or on CPUs resident since the process started."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resident_peak_mb()


def shared_run_folder(accelerator: Accelerator, runs: Path, name: str) -> Path:
    """The main process names the folder, the others hear of it."""
    box = [new_run_folder(runs, name) if accelerator.is_main_process else None]
    if accelerator.num_processes > 1:
        broadcast_object_list(box)
    assert box[0] is not None
    return box[0]
