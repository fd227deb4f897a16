"""What a run that ends too early leaves: a model, or a checkpoint and the command that makes a model of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.errors import TrainingError
from nlu_kit.runtime.predictor import load
from nlu_kit.training import job as job_module
from nlu_kit.training.folders import sweep
from nlu_kit.training.run import finish_run, train
from nlu_kit.training.signals import ending_like_ctrl_c, held_back

POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals")
TEXTS = ["book a table in Paris", "play some jazz", "wake me at noon"]


@pytest.fixture
def pipeline(write_pipeline: Callable[..., Path], tmp_path: Path) -> Path:
    return write_pipeline(tmp_path, training={"epochs": 2})


class Stop:
    """A callback that raises once, at the end of the first epoch."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def on_run_start(self, event: Any) -> None: ...

    def on_step_end(self, event: Any) -> None: ...

    def on_epoch_end(self, event: Any) -> None:
        raise self.error

    def on_run_end(self, event: Any) -> None: ...


@pytest.mark.parametrize("where", ["save_model", "finish"])
@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("on fire"), ValueError("label")]
)
def test_what_can_not_be_saved_leaves_a_checkpoint_that_can_be_finished(
    pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, error: Exception
) -> None:
    whole = train(pipeline, runs=tmp_path / "whole")

    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(job_module, where, fail)
        with pytest.raises(TrainingError, match="Nothing that was trained is lost") as caught:
            train(pipeline, runs=tmp_path / "runs")
    (run,) = (tmp_path / "runs").iterdir()
    assert str(caught.value).endswith(f"nlu-kit train --finish {run}")
    assert not (run / "model").exists()
    finished = finish_run(run)
    assert (finished.dev, finished.test, finished.best_epoch) == (whole.dev, whole.test, whole.best_epoch)
    assert finished.confidence == whole.confidence
    assert load(tmp_path / "runs" / "latest").parse_many(TEXTS) == load(whole.model_dir).parse_many(TEXTS)
    assert not (run / "checkpoints").exists()
    with pytest.raises(TrainingError, match="is finished: its model is in"):
        finish_run(run)


def test_a_callback_that_raises_loses_nothing(pipeline: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"(?s)RuntimeError: mine\n.*--finish"):
        train(pipeline, runs=tmp_path / "runs", callbacks=[Stop(RuntimeError("mine"))])
    (run,) = (tmp_path / "runs").iterdir()
    assert finish_run(run).best_epoch == 0


def test_what_can_not_be_finished(pipeline: Path, tmp_path: Path, trained: Any) -> None:
    with pytest.raises(TrainingError, match="there is nothing to finish"):
        finish_run(tmp_path)
    with pytest.raises(TrainingError, match="is finished"):
        finish_run(trained.run_dir)
    with pytest.raises(TrainingError):
        train(pipeline, runs=tmp_path / "runs", callbacks=[Stop(RuntimeError("mine"))])
    (run,) = (tmp_path / "runs").iterdir()
    resolved = json.loads((run / "pipeline.json").read_text(encoding="utf-8"))
    other = tmp_path / "other.jsonl"
    other.write_text('{"text": "hello", "intent": "greet", "entities": []}\n' * 3, encoding="utf-8")
    resolved["data"]["train"] = str(other)
    resolved["heads"].pop("ner")
    (run / "pipeline.json").write_text(json.dumps(resolved), encoding="utf-8")
    with pytest.raises(TrainingError, match="is of other labels for"):
        finish_run(run)
    assert (run / "checkpoints" / "best.safetensors").is_file()


@POSIX
def test_a_kill_leaves_a_checkpoint_that_the_next_run_sweeps_around(
    write_pipeline: Callable[..., Path], tmp_path: Path, run_cli: Any
) -> None:
    write_pipeline(tmp_path, training={"epochs": 10_000, "patience": 10_000})
    command = [sys.executable, "-m", "nlu_kit", "train", "pipeline.json"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch 1/"):
            break
    (run,) = (tmp_path / "runs").iterdir()
    going_on = run_cli(tmp_path, "train", "--finish", str(run))
    assert (going_on.returncode, going_on.stdout) == (2, "")
    assert "is still in training" in going_on.stderr
    process.kill()
    process.communicate(timeout=60)
    (run / ".model-writing").mkdir()
    (run / "static-0").mkdir()
    (run / "static-notes").mkdir()
    sweep(tmp_path / "runs")
    assert {path.name for path in run.iterdir()} >= {"checkpoints", "static-notes", "log.txt"}
    assert not {".model-writing", "static-0"} & {path.name for path in run.iterdir()}
    done = run_cli(tmp_path, "train", "--finish", str(run))
    assert done.returncode == 0, done.stderr
    assert "finished from its checkpoint after" in done.stdout
    assert load(tmp_path / "runs" / "latest")(TEXTS[0]).intent is not None


@POSIX
def test_signals_wait_until_the_model_is_written(
    pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = job_module.save_model

    def interrupted(*arguments: Any, **keywords: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        save(*arguments, **keywords)

    monkeypatch.setattr(job_module, "save_model", interrupted)
    with ending_like_ctrl_c():
        result = train(pipeline, runs=tmp_path / "runs")
    assert load(result.model_dir)(TEXTS[0]).intent is not None


@POSIX
def test_the_third_signal_ends_even_that() -> None:
    def ask_three_times() -> None:
        with held_back():
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        ask_three_times()


@POSIX
def test_what_is_ignored_stays_ignored_and_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_like_ctrl_c():
            os.kill(os.getpid(), signal.SIGHUP)  # as under nohup
            with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
                os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGHUP, old)
    assert signal.getsignal(signal.SIGTERM) == before


def test_off_the_main_thread_nothing_changes() -> None:
    found: list[object] = []

    def inside() -> None:
        with ending_like_ctrl_c(), held_back():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]


def test_a_log_that_can_not_be_written_ends_no_run(pipeline: Path, tmp_path: Path) -> None:
    class Spoil(Stop):
        def on_run_start(self, event: Any) -> None:
            for name in ("metrics.jsonl", "log.txt"):
                (event.run_dir / name).unlink()
                (event.run_dir / name).mkdir()

        def on_epoch_end(self, event: Any) -> None: ...

        def on_run_end(self, event: Any) -> None:
            notes.extend(event.notes)

    notes: list[str] = []
    result = train(pipeline, runs=tmp_path / "runs", callbacks=[Spoil(RuntimeError())])
    assert result.reason == "finished"
    assert notes == ["metrics.jsonl is not complete: Is a directory", "log.txt is not complete: Is a directory"]


def test_finish_goes_with_no_pipeline(tmp_path: Path, run_cli: Any) -> None:
    for further in (["pipeline.json"], ["--set", "training.epochs=1"], ["--runs", "runs"]):
        done = run_cli(tmp_path, "train", "--finish", "runs/x", *further)
        assert done.returncode == 2
        assert "does not go with --finish" in done.stderr
    shutil.rmtree(tmp_path, ignore_errors=True)
