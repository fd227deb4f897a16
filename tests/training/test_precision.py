"""``auto`` picks what the hardware multiplies in; what it can't do is an error."""

from __future__ import annotations

import pytest
import torch

from nlu_kit.errors import ConfigError
from nlu_kit.training import accelerator
from nlu_kit.training.accelerator import choose_precision, cpu_multiplies_bf16


@pytest.mark.parametrize(("native", "expected"), [(True, "bf16"), (False, "fp32")])
def test_auto_on_a_cpu(monkeypatch: pytest.MonkeyPatch, native: bool, expected: str) -> None:
    monkeypatch.setattr(accelerator, "cpu_multiplies_bf16", lambda: native)
    assert choose_precision("auto", "cpu") == expected
    assert choose_precision("auto", "mps") == "fp32"


@pytest.mark.parametrize(("native", "expected"), [(True, "bf16"), (False, "fp16")])
def test_auto_on_a_gpu_does_not_take_emulated_bf16(
    monkeypatch: pytest.MonkeyPatch, native: bool, expected: str
) -> None:
    def is_bf16_supported(including_emulation: bool = True) -> bool:
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_bf16_supported)
    assert choose_precision("auto", "cuda") == expected


@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
@pytest.mark.parametrize("asked", ["fp32", "bf16"])
def test_what_is_asked_for_is_taken(asked: str, device: str) -> None:
    assert choose_precision(asked, device) == asked


def test_fp16_needs_a_gpu() -> None:
    assert choose_precision("fp16", "cuda") == "fp16"
    for device in ("cpu", "mps"):
        with pytest.raises(ConfigError, match=f"training.precision: fp16 needs a CUDA device, this is {device}"):
            choose_precision("fp16", device)


@pytest.mark.parametrize(("amx", "avx512", "expected"), [(0, 0, False), (1, 0, True), (0, 1, True)])
def test_either_instruction_set_will_do(monkeypatch: pytest.MonkeyPatch, amx: int, avx512: int, expected: bool) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: bool(amx), raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bool(avx512), raising=False)
    assert cpu_multiplies_bf16() is expected


def test_a_torch_without_the_probes_is_taken_to_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    assert cpu_multiplies_bf16() is False
