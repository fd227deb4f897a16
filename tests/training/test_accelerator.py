"""Several processes take the same steps as one; a world that is not the one asked for is an error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file

from nlu_kit.config.schema import TrainingConfig
from nlu_kit.errors import ConfigError
from nlu_kit.training import accelerator as module
from nlu_kit.training.accelerator import make_accelerator
from nlu_kit.training.run import train

TORCHRUN = ["torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m"]
ACCELERATE = ["accelerate.commands.launch", "--cpu", "--num_processes", "2", "-m"]
WITHOUT_GRADIENT = "key.bias"  # attention does not depend on it: its gradient is rounding, which AdamW scales up


def launch(launcher: list[str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    given = arguments if "--resume" in arguments else ("pipeline.json", *arguments)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("NLU_KIT_", "ACCELERATE_"))
    }
    return subprocess.run(
        [sys.executable, "-m", *launcher, "nlu_kit", "train", *given],
        cwd=folder,
        env={**environment, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def epochs(run_dir: Path) -> list[Any]:
    records = map(json.loads, (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    return [record for record in records if record["event"] == "EpochEnd"]


# 57 examples in batches of 14 leave a tail of 1: the second process has none of it. The half without an intent makes
# the processes' denominators differ.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("training", "freezing"),
    [
        ({}, {"type": "discriminative", "encoder_lr": 1e-3, "head_lr": 1e-2}),
        ({"gradient_accumulation": 3}, "freeze_backbone"),
        ({"gradient_accumulation": 2, "fgm": 0.1}, {"type": "discriminative", "encoder_lr": 1e-3, "head_lr": 1e-2}),
    ],
)
def test_two_processes_train_as_one(
    tmp_path: Path, write_pipeline: Any, jsonl: Any, records: Any, training: Any, freezing: Any
) -> None:
    half = [record if i % 3 else {key: record[key] for key in ("text", "entities")} for i, record in enumerate(records)]
    data = {"train": str(jsonl(tmp_path / "half.jsonl", half))}
    settings = {"epochs": 2, "batch_size": 14, **training}
    pipeline = write_pipeline(tmp_path, data=data, training=settings, freezing=freezing)
    one = train(pipeline, runs=tmp_path / "one", overrides=["training.gradient_accumulation=1"])
    two = launch(TORCHRUN, tmp_path, "--set", "training.processes=2")
    assert two.returncode == 0, two.stderr
    assert two.stdout.count("epoch 1/2  loss") == 1
    assert two.stdout.count("next: nlu-kit predict") == 1
    assert "2 processes" in two.stdout
    run_dir = (tmp_path / "runs" / "latest").resolve()
    assert [path.name for path in (tmp_path / "runs").iterdir() if path.name != "latest"] == [run_dir.name]
    for expected, found in zip(epochs(one.run_dir), epochs(run_dir), strict=True):
        assert found["losses"] == pytest.approx(expected["losses"], rel=1e-4)
        assert found["dev"] == pytest.approx(expected["dev"])
    weights = load_file(run_dir / "model" / "model.safetensors")
    for name, expected in load_file(one.model_dir / "model.safetensors").items():
        if not name.endswith(WITHOUT_GRADIENT):
            torch.testing.assert_close(weights[name], expected, atol=2e-5, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.slow
def test_two_processes_that_are_killed_go_on_to_the_same_weights(tmp_path: Path, write_pipeline: Any) -> None:
    write_pipeline(tmp_path, training={"epochs": 3, "batch_size": 8, "checkpoint_minutes": 0})
    assert launch(TORCHRUN, tmp_path, "--runs", "whole").returncode == 0
    command = [sys.executable, "-m", *TORCHRUN, "nlu_kit", "train", "pipeline.json"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        ends = time.monotonic() + 120
        while not list(tmp_path.glob("runs/*/checkpoints/epoch-2-step-*/state.json")):
            assert time.monotonic() < ends
            time.sleep(0.02)
        for child in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
            with suppress(psutil.NoSuchProcess):
                child.kill()
    (run,) = (tmp_path / "runs").iterdir()
    assert not (run / "model").exists()
    assert launch(TORCHRUN, tmp_path, "--resume", str(run)).returncode == 0
    (whole,) = (path for path in (tmp_path / "whole").iterdir() if path.name != "latest")
    weights = Path("model", "model.safetensors")
    assert (run / weights).read_bytes() == (whole / weights).read_bytes()


def test_under_a_launcher_a_mistake_is_told_once(tmp_path: Path, write_pipeline: Any) -> None:
    write_pipeline(tmp_path)
    done = launch(TORCHRUN, tmp_path, "--set", "training.epochs=-1")
    assert done.returncode != 0
    assert done.stderr.count("training.epochs: got -1") == 1
    assert "exitcode  : 2" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_accelerate_launch_that_starts_one_process_of_two_is_noticed(tmp_path: Path, write_pipeline: Any) -> None:
    write_pipeline(tmp_path)
    done = launch(ACCELERATE, tmp_path)
    if done.returncode == 0:  # a later Accelerate may start both
        assert "2 processes" in done.stdout
        return
    assert "accelerate launch was asked for several processes but started one" in done.stderr
    assert "torchrun --nproc_per_node 2 -m nlu_kit train pipeline.json" in done.stderr
    assert "non-zero exit status 2" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "ACCELERATE_MIXED_PRECISION"):
        monkeypatch.delenv(name, raising=False)


def test_another_number_of_processes_than_asked_for() -> None:
    with pytest.raises(ConfigError, match="2 processes were asked for, 1 are running") as caught:
        make_accelerator(TrainingConfig(processes=2, device="cpu"))
    assert caught.value.problems[0].path == "training.processes"
    assert "torchrun --nproc_per_node 2 " in caught.value.problems[0].hint


def test_one_process_may_be_asked_for() -> None:
    accelerator, precision = make_accelerator(TrainingConfig(processes=1, device="cpu", precision="fp32"))
    assert (accelerator.num_processes, accelerator.device.type, precision) == (1, "cpu", "fp32")


@pytest.mark.parametrize(
    ("variables", "found", "message"),
    [
        ({"WORLD_SIZE": "4"}, 1, "the launcher set WORLD_SIZE=4, but 1 processes are joined"),
        ({"ACCELERATE_MIXED_PRECISION": "no", "MASTER_ADDR": "127.0.0.1"}, 1, "asked for several processes but"),
        ({"ACCELERATE_MIXED_PRECISION": "no"}, 1, None),
        ({"MASTER_ADDR": "127.0.0.1"}, 1, None),
        ({"ACCELERATE_MIXED_PRECISION": "no", "MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": "1"}, 1, None),
        ({"ACCELERATE_MIXED_PRECISION": "no", "MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": "2"}, 2, None),
    ],
)
def test_which_worlds_are_wrong(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], found: int, message: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if message is None:
        module._check_world(TrainingConfig(), found)
    else:
        with pytest.raises(ConfigError, match=message):
            module._check_world(TrainingConfig(), found)


@pytest.mark.skipif(torch.cuda.is_available(), reason="it is there")
def test_a_device_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match=r"training\.device: there is no cuda device here") as caught:
        make_accelerator(TrainingConfig(device="cuda"))
    assert "cpu" in caught.value.problems[0].hint


def test_threads_are_set() -> None:
    before = torch.get_num_threads()
    try:
        make_accelerator(TrainingConfig(device="cpu", precision="fp32", threads=2))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
