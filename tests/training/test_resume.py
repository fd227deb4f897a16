"""A run that is interrupted anywhere ends, once resumed, with the same bytes and figures as one that was not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.errors import ConfigError, TrainingError
from nlu_kit.locking import only_one
from nlu_kit.plugin.events import RunStart, StepEnd
from nlu_kit.training.folders import last_unfinished, points
from nlu_kit.training.resume import newest
from nlu_kit.training.run import finish_run, resume_run, train
from nlu_kit.training.signals import EndedBySignal
from tests.training.killing import run_task

POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals")
TIMES = ("seconds", "examples_per_second", "peak_memory_mb", "run_dir", "model_dir")
WRITE = Callable[..., Path]


class StopAt:
    """Asks for an end in a step of an epoch, as Ctrl-C does."""

    def __init__(self, epoch: int, step: int) -> None:
        self.epoch, self.step = epoch, step
        self.starts: list[RunStart] = []

    def on_run_start(self, event: RunStart) -> None:
        self.starts.append(event)

    def on_step_end(self, event: Any) -> None:
        if (event.epoch, event.step) == (self.epoch, self.step):
            os.kill(os.getpid(), signal.SIGINT)

    def on_epoch_end(self, event: Any) -> None: ...

    def on_run_end(self, event: Any) -> None: ...


def figures(run: Path) -> list[dict[str, Any]]:
    """Every event but for times and the run's start."""
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    return [
        {key: value for key, value in record.items() if key not in TIMES}
        for record in records
        if record["event"] != "RunStart"
    ]


def same(first: Path, second: Path) -> None:
    for file in ("model.safetensors", "detector.safetensors"):
        if (first / "model" / file).exists() or (second / "model" / file).exists():
            assert (first / "model" / file).read_bytes() == (second / "model" / file).read_bytes(), file
    assert figures(first) == figures(second)


SECTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "balancing": {"balancing": "dynamic_weight_average"},
    "weighted": {"sampler": "weighted", "training": {"fgm": 0.05, "gradient_accumulation": 2}},
    "frozen": {"freezing": {"type": "freeze_lower", "layers": 1}},
    "dropout": {"heads": {"intent": "intent", "ner": "crf_ner"}},
    "thawing": {"freezing": {"type": "gradual_unfreezing"}},
}


@POSIX
@pytest.mark.parametrize("name", list(SECTIONS))
@pytest.mark.parametrize("at", [(0, 1), (1, 2)])
def test_it_ends_as_if_it_had_not_been_interrupted(
    name: str, at: tuple[int, int], write_pipeline: WRITE, tmp_path: Path
) -> None:
    sections = SECTIONS[name]
    training = {"epochs": 3, "batch_size": 4, "patience": 2, **sections.get("training", {})}
    pipeline = write_pipeline(tmp_path, **{**sections, "training": training})
    whole = train(pipeline, runs=tmp_path / "whole")
    stop = StopAt(*at)
    with pytest.raises(EndedBySignal, match="--resume") as caught:
        train(pipeline, runs=tmp_path / "runs", callbacks=[stop])
    assert caught.value.number == signal.SIGINT
    (run,) = (path for path in (tmp_path / "runs").iterdir() if path.name != "latest")
    assert not (run / "model").exists()
    with (run / "metrics.jsonl").open("a") as stream:
        stream.write('{"event": "written after the checkpoint"}\n')
    resumed = resume_run(run, callbacks=[stop])
    assert stop.starts[1].resumed == at[0] * stop.starts[0].steps_per_epoch + at[1]
    assert [str(warning) for warning in stop.starts[1].warnings] == []
    assert resumed.model_dir == run / "model"
    same(whole.run_dir, run)
    assert not (run / "checkpoints").exists()
    with pytest.raises(TrainingError, match="is finished"):
        resume_run(run)


@pytest.fixture
def interrupted(write_pipeline: WRITE, tmp_path: Path) -> Path:
    """A run that stands after the second step of its second epoch."""
    pipeline = write_pipeline(tmp_path, training={"epochs": 3, "batch_size": 4, "checkpoint_minutes": 0})
    with pytest.raises(EndedBySignal):
        train(pipeline, runs=tmp_path / "runs", callbacks=[StopAt(1, 2)])
    (run,) = (tmp_path / "runs").iterdir()
    return run


@POSIX
def test_the_last_points_are_kept_and_a_damaged_one_is_passed_over(interrupted: Path, tmp_path: Path) -> None:
    kept = points(interrupted / "checkpoints")
    assert len(kept) == 2
    whole = resume_run(Path(shutil.copytree(interrupted, tmp_path / "copies" / interrupted.name, symlinks=True)))
    for how in ("changed", "gone"):
        run = Path(shutil.copytree(interrupted, tmp_path / how / interrupted.name))
        stop = StopAt(9, 9)
        file = points(run / "checkpoints")[0] / "state.safetensors"
        whole_bytes = file.read_bytes()
        file.write_bytes(whole_bytes[:-1] + bytes([whole_bytes[-1] ^ 1])) if how == "changed" else file.unlink()
        point, wrong = newest(run / "checkpoints")
        assert point.folder.name == kept[1].name
        assert len(wrong) == 1
        resume_run(run, callbacks=[stop])
        assert stop.starts[0].resumed == point.position.global_step
        assert any(kept[0].name in str(warning) for warning in stop.starts[0].warnings)
        same(whole.run_dir, run)
    for place in points(interrupted / "checkpoints"):
        (place / "state.json").write_text("{}")
    with pytest.raises(TrainingError, match="no checkpoint that can be resumed"):
        resume_run(interrupted)


class Die:
    """Ends a run in its first step, before there is a checkpoint; and keeps what later ones begin with."""

    def __init__(self) -> None:
        self.starts: list[RunStart] = []

    def on_run_start(self, event: RunStart) -> None:
        self.starts.append(event)

    def on_step_end(self, event: Any) -> None:
        if len(self.starts) == 1:
            raise KeyboardInterrupt

    def on_epoch_end(self, event: Any) -> None: ...

    def on_run_end(self, event: Any) -> None: ...


AGAIN: dict[str, dict[str, Any]] = {
    "plain": {"training": {"epochs": 2, "batch_size": 4}},
    "few examples": {"heads": {"intent": "intent", "ner": "crf_ner"}, "training": {"batch_size": 4}},
    "split": {"data": {"dev": None, "test": None}, "training": {"epochs": 2}},
}


@pytest.mark.parametrize("name", list(AGAIN))
def test_one_that_died_before_its_first_checkpoint_begins_again(
    name: str, write_pipeline: WRITE, tmp_path: Path
) -> None:
    pipeline = write_pipeline(tmp_path, **AGAIN[name])
    whole = train(pipeline, runs=tmp_path / "whole")
    die = Die()
    with pytest.raises(KeyboardInterrupt):
        train(pipeline, runs=tmp_path / "runs", callbacks=[die])
    (run,) = (tmp_path / "runs").iterdir()
    assert '"StepEnd"' in (run / "metrics.jsonl").read_text("utf-8")
    (run / ".static-0").mkdir()
    (run / "not-a-number.jsonl").touch()
    assert last_unfinished(tmp_path / "runs") == run
    resumed = resume_run(run, callbacks=[die])
    assert die.starts[1].resumed is None
    assert str(die.starts[1].warnings[0]) == "the run had no checkpoint yet, so it begins again"
    assert resumed.run_dir == run
    same(whole.run_dir, run)
    assert {path.name for path in run.iterdir()} == {path.name for path in whole.run_dir.iterdir()}


@POSIX
def test_beginning_again_keeps_the_best_weights_until_there_are_others(interrupted: Path, tmp_path: Path) -> None:
    for place in points(interrupted / "checkpoints"):
        shutil.rmtree(place)
    best = (interrupted / "checkpoints" / "best.safetensors").read_bytes()
    with pytest.raises(ConfigError, match=r"(?s)training\.batch_size: was 4, is 8 now.*train anew"):
        resume_run(interrupted, overrides=["training.batch_size=8"])
    with pytest.raises(ConfigError, match=r"(?s)training\.epochs: was 3, is 2 now.*add --force"):
        resume_run(interrupted, overrides=["training.epochs=2"])
    with pytest.raises(EndedBySignal, match="--finish"):
        resume_run(interrupted, callbacks=[StopAt(0, 1)])
    assert (interrupted / "checkpoints" / "best.safetensors").read_bytes() == best
    assert resume_run(interrupted, overrides=["training.epochs=2"], force=True).epochs_run == 2


def test_where_nothing_was_begun_there_is_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"has no pipeline\.json and no checkpoint: nothing was begun there"):
        resume_run(tmp_path)
    (tmp_path / "20260101-000001-a").mkdir()
    with pytest.raises(TrainingError, match=r"no run in .* waits to be resumed"):
        last_unfinished(tmp_path)


@POSIX
def test_what_has_changed_is_named(interrupted: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?s)training\.epochs: was 3, is 5 now.*--force"):
        resume_run(interrupted, overrides=["training.epochs=5"])
    with pytest.raises(ConfigError, match=r"(?s)training\.batch_size.*train anew"):
        resume_run(interrupted, overrides=["training.batch_size=8"], force=True)
    run = Path(shutil.copytree(interrupted, tmp_path / "longer" / interrupted.name))
    stop = StopAt(9, 9)
    longer = resume_run(run, overrides=["training.epochs=4"], force=True, callbacks=[stop])
    assert longer.epochs_run == 4
    kept = json.loads((run / "pipeline.json").read_text("utf-8"))
    assert kept["training"]["epochs"] == 4, "so that it can be resumed again without saying it again"
    assert "training.epochs was 3, is 4 now" in [str(warning) for warning in stop.starts[0].warnings]
    own = json.loads((interrupted / "pipeline.json").read_text("utf-8"))
    file = (interrupted / own["base"] / own["data"]["train"]).resolve()
    lines = file.read_text("utf-8").splitlines(keepends=True)
    file.write_text("".join([lines[1], lines[0], *lines[2:]]), "utf-8")
    with pytest.raises(ConfigError, match=r"data\.train.*has changed since the checkpoint"):
        resume_run(interrupted)
    assert points(interrupted / "checkpoints"), "nothing is lost by asking"


@POSIX
def test_an_encoder_that_is_named_from_the_pipelines_folder_is_found_again(
    write_pipeline: WRITE, tmp_path: Path, tiny_bert: Path
) -> None:
    (tmp_path / "encoders").mkdir()
    shutil.copytree(tiny_bert, tmp_path / "encoders" / "mine")
    backbone = {"type": "transformer", "model": "encoders/mine"}
    pipeline = write_pipeline(tmp_path, backbone=backbone, training={"epochs": 2, "batch_size": 4})
    with pytest.raises(EndedBySignal):
        train(pipeline, runs=tmp_path / "runs", callbacks=[StopAt(0, 2)])
    (run,) = (tmp_path / "runs").iterdir()
    assert resume_run(run).epochs_run == 2


def test_a_point_that_can_not_be_written_ends_no_run(
    write_pipeline: WRITE, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nlu_kit.training.resume.save_file", full)
    pipeline = write_pipeline(tmp_path, training={"epochs": 2, "checkpoint_minutes": 0})
    result = train(pipeline, runs=tmp_path / "runs")
    assert (result.reason, result.epochs_run) == ("finished", 2)
    assert "can't be written" in (result.run_dir / "log.txt").read_text("utf-8")
    assert "No space left on device" in (result.run_dir / "log.txt").read_text("utf-8")


@POSIX
def test_where_the_last_point_can_not_be_written_the_end_comes_all_the_same(
    write_pipeline: WRITE, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FullThen(StopAt):
        def on_step_end(self, event: Any) -> None:
            if (event.epoch, event.step) == (self.epoch, self.step):
                monkeypatch.setattr("nlu_kit.training.resume.save_file", full)
            super().on_step_end(event)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    pipeline = write_pipeline(tmp_path, training={"epochs": 3, "batch_size": 4, "checkpoint_minutes": 0})
    with pytest.raises(EndedBySignal, match="No space left on device; what came after the last one is lost; go on"):
        train(pipeline, runs=tmp_path / "runs", callbacks=[FullThen(1, 2)])
    monkeypatch.undo()
    (run,) = (tmp_path / "runs").iterdir()
    assert not (run / "model").exists()
    same(train(pipeline, runs=tmp_path / "whole").run_dir, resume_run(run).run_dir)


def test_want_of_memory_says_what_to_do_and_loses_nothing(
    write_pipeline: WRITE, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nlu_kit.model.nlu_model import Objective

    forward, steps = Objective.forward, iter(range(99))

    def short(self: Objective, *given: Any) -> Any:
        if next(steps) == 6:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return forward(self, *given)

    pipeline = write_pipeline(tmp_path, training={"epochs": 2, "checkpoint_minutes": 0})
    with monkeypatch.context() as patched:
        patched.setattr(Objective, "forward", short)
        with pytest.raises(TrainingError, match=r"(?s)gradient_accumulation to 2,.*Nothing that was trained is lost"):
            train(pipeline, runs=tmp_path / "runs")
    (run,) = (tmp_path / "runs").iterdir()
    resumed = resume_run(run, overrides=["training.gradient_accumulation=2"], force=True)
    assert (resumed.reason, resumed.epochs_run) == ("finished", 2)


@POSIX
def test_it_is_not_ended_by_fewer_epochs_than_it_has_begun(interrupted: Path) -> None:
    with pytest.raises(ConfigError, match="got 1, and the run is in epoch 2 already") as caught:
        resume_run(interrupted, overrides=["training.epochs=1"], force=True)
    assert "--finish" in caught.value.problems[0].hint
    assert resume_run(interrupted, overrides=["training.epochs=2"], force=True).epochs_run == 2


@POSIX
def test_each_difference_is_named_once(interrupted: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    entity = {"start": 0, "end": 9, "label": "thing"}
    record = json.dumps({"text": "something new", "intent": "new", "entities": [entity]})
    other.write_text(f"{record}\n" * 8, "utf-8")
    with pytest.raises(ConfigError) as caught:
        resume_run(interrupted, overrides=[f"data.train={other}", "sampler=weighted"], force=True)
    assert {problem.path for problem in caught.value.problems} == {"data.train", "sampler"}
    (sampler,) = (problem for problem in caught.value.problems if problem.path == "sampler")
    assert sampler.message == "was random, is weighted now"


def test_what_is_no_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"there is no run in .*nope: name its folder"):
        resume_run(tmp_path / "nope")


@POSIX
def test_another_machine_is_said(interrupted: Path) -> None:
    for place in points(interrupted / "checkpoints"):
        state = json.loads((place / "state.json").read_text("utf-8"))
        made = state["made_with"]
        assert {"torch", "transformers", "nlu-kit"} <= made["versions"].keys()
        made["device"] = "cuda:0"
        made["versions"] |= {"torch": "1.0", "acme": "2"}
        (place / "state.json").write_text(json.dumps(state), "utf-8")
    stop = StopAt(9, 9)
    resume_run(interrupted, callbacks=[stop])
    said = [str(warning) for warning in stop.starts[0].warnings]
    assert len(said) == 3, said
    assert said[0].startswith("device: cuda:0 before, cpu now")
    assert said[1].startswith("torch: 1.0 before, ")
    assert said[2].startswith("acme: 2 before, none now")


@POSIX
def test_two_processes_can_not_resume_one_run(interrupted: Path) -> None:
    with only_one(interrupted / ".lock"), pytest.raises(TrainingError, match="is still in training"):
        resume_run(interrupted)


@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_answered_with_its_code_and_the_command(
    write_pipeline: WRITE, tmp_path: Path, run_cli: Any, number: signal.Signals
) -> None:
    write_pipeline(tmp_path, training={"epochs": 40, "patience": 40})
    command = [sys.executable, "-m", "nlu_kit", "train", "pipeline.json"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch 1/"):
            process.send_signal(number)
            break
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + number, errors
    (run,) = (tmp_path / "runs").iterdir()
    assert f"nlu-kit train --resume runs/{run.name}" in errors
    assert f"nlu-kit train --finish runs/{run.name}" in errors
    done = run_cli(tmp_path, "train", "--resume", "--set", "training.epochs=4", "--force", "--quiet")
    assert done.returncode == 0, done.stderr
    assert (run / "model").is_dir()
    again = run_cli(tmp_path, "train", "--resume")
    assert (again.returncode, "waits to be resumed" in again.stderr) == (2, True)


@POSIX
def test_a_kill_costs_what_came_after_the_last_point(write_pipeline: WRITE, tmp_path: Path) -> None:
    pipeline = write_pipeline(tmp_path, training={"epochs": 4, "batch_size": 4, "checkpoint_minutes": 0, "patience": 9})
    whole = train(pipeline, runs=tmp_path / "whole")
    command = [sys.executable, "-m", "nlu_kit", "train", "pipeline.json"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch 1/"):
            process.kill()
            break
    process.communicate(timeout=60)
    (run,) = (path for path in (tmp_path / "runs").iterdir() if path.name != "latest")
    resume_run(run)
    same(whole.run_dir, run)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_wherever_it_is_killed_it_ends_as_if_it_had_not_been(write_pipeline: WRITE, tmp_path: Path) -> None:
    """A few of the file operations, and a few moments; benchmarks/reliability.py takes all of them."""
    training = {"epochs": 2, "checkpoint_minutes": 0, "export": False, "device": "cpu"}
    pipeline = write_pipeline(tmp_path, training=training, heads={"intent": "intent", "ner": "ner"})
    ends = [*(("die", number) for number in range(5, 400, 13)), *(("full", number) for number in range(3, 400, 23))]
    ends += [("kill", share) for share in (0.3, 0.6, 0.9)]
    deaths = run_task({"pipeline": str(pipeline), "place": str(tmp_path / "place"), "ends": ends})
    assert sum(death["died"] for death in deaths) >= 4
    assert sum(death["resumed"] for death in deaths) >= 3
    assert any(death["how"] == "full" and death["died"] for death in deaths)
    for death in deaths:
        assert death["clean"], death
        assert death["goes_on"], death
        assert death["same"], death
        assert death["how"] == "full" or death["steps_lost"] <= 1, death  # where it is full none can be written


def test_without_selection_what_was_interrupted_becomes_a_model_as_it_is(
    listen: Any, write_pipeline: Any, tmp_path: Path
) -> None:
    """Not as it was when an epoch last went to disk."""

    def interrupt(event: StepEnd) -> None:
        if (event.epoch, event.step) == (2, 2):
            os.kill(os.getpid(), signal.SIGINT)

    pipeline = write_pipeline(tmp_path, training={"epochs": 9, "model_selection": "last"})
    with pytest.raises(KeyboardInterrupt, match="its last weights"):
        train(pipeline, runs=tmp_path / "runs", callbacks=[listen(at_step=interrupt)])
    (run,) = (tmp_path / "runs").iterdir()
    assert finish_run(run).best_epoch == 2
