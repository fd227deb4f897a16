"""Which numbers to compute in: fp32, bf16, or fp16 with loss scaling."""

from __future__ import annotations

import torch

from nlu_kit.errors import ConfigError, Problem


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
