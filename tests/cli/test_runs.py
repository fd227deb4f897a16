"""``nlu-kit runs``: what it says of each kind of run, and what it removes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.training.folders import points
from nlu_kit.training.run import train
from nlu_kit.training.runs import list_runs
from nlu_kit.training.signals import EndedBySignal
from tests.training.test_resume import POSIX, StopAt

pytestmark = POSIX


@pytest.fixture
def runs(write_pipeline: Callable[..., Path], tmp_path: Path, trained: Any) -> Path:
    """One of each: interrupted, crashed, finished, empty."""
    folder = tmp_path / "runs"
    pipeline = write_pipeline(tmp_path, training={"epochs": 3, "batch_size": 4})
    with pytest.raises(EndedBySignal):
        train(pipeline, runs=folder, callbacks=[StopAt(1, 2)])
    (interrupted,) = folder.iterdir()
    interrupted = interrupted.rename(folder / "20260101-000001-a")
    crashed = Path(shutil.copytree(interrupted, folder / "20260101-000002-b"))
    state = points(crashed / "checkpoints")[0] / "state.json"
    said = json.loads(state.read_text("utf-8"))
    said["position"]["asked"] = False
    state.write_text(json.dumps(said), "utf-8")
    shutil.copytree(trained.run_dir, folder / "20260101-000003-c")
    (folder / "20260101-000004-d").mkdir()
    (folder / "20260101-000004-d" / "log.txt").write_text("it began\n", "utf-8")
    (crashed / "checkpoints" / ".epoch-9-step-1-4711").mkdir()
    (crashed / ".model-4711").mkdir()
    (folder / "notes").mkdir()
    return folder


def test_what_there_is(runs: Path, run_cli: Any, trained: Any) -> None:
    found = {run.folder.name[-1]: run for run in list_runs(runs)}
    assert {name: run.state for name, run in found.items()} == {
        "a": "interrupted",
        "b": "crashed",
        "c": "finished",
        "d": "empty",
    }
    assert (found["a"].epochs, found["a"].split) == (1, "dev")
    assert (found["c"].split, found["c"].figures["ner.f1"]) == ("test", trained.test["ner.f1"])
    assert found["c"].bytes > 1000
    done = run_cli(runs.parent, "runs")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines[:4]] == ["empty", "finished", "crashed", "interrupted"]
    a, b = (f"runs/20260101-00000{number}-{name}" for number, name in ((1, "a"), (2, "b")))
    assert f"20260101-000001-a: nlu-kit train --resume {a}, or nlu-kit runs finish {a}" in lines
    shutil.rmtree(points(runs.parent / b / "checkpoints")[0])
    (runs.parent / a / "pipeline.json").rename(runs.parent / a / "pretrain.json")
    lines = run_cli(runs.parent, "runs").stdout.splitlines()
    assert f"20260101-000001-a: nlu-kit pretrain --resume {a}" in lines
    again = f"nlu-kit train --resume {b} begins it again"
    assert f"20260101-000002-b: {again}, or nlu-kit runs finish {b}" in lines, "it has no checkpoint any more"
    assert "20260101-000004-d: nlu-kit runs clean" in lines, "nothing says what it was to become"
    d = "runs/20260101-000004-d"
    shutil.copy(runs.parent / b / "pipeline.json", runs.parent / d)
    lines = run_cli(runs.parent, "runs").stdout.splitlines()
    assert f"20260101-000004-d: nlu-kit train --resume {d} begins it again, or nlu-kit runs clean" in lines
    assert f"test intent.accuracy {100 * trained.test['intent.accuracy']:.2f}" in lines[1]
    assert "no figures yet" in lines[0]


def test_cleaning_asks_and_keeps_what_is_of_use(runs: Path, run_cli: Any) -> None:
    before = {path for path in runs.rglob("*") if ".model-" not in path.name and "-4711" not in path.name}
    refused = run_cli(runs.parent, "runs", "clean", stdin="n\n")
    assert refused.returncode != 0
    assert (runs / "20260101-000004-d").exists()
    done = run_cli(runs.parent, "runs", "clean", "--yes")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "removed 3"), done.stderr
    assert {path for path in before if not path.exists()} == {
        runs / "20260101-000004-d",
        runs / "20260101-000004-d" / "log.txt",
    }
    assert not list(runs.rglob("*-4711"))
    assert "nothing to remove" in run_cli(runs.parent, "runs", "clean", "--yes").stdout


def test_a_crashed_run_is_finished(runs: Path, run_cli: Any) -> None:
    done = run_cli(runs.parent, "runs", "finish", "runs/20260101-000002-b", "--quiet")
    assert done.returncode == 0, done.stderr
    assert (runs / "20260101-000002-b" / "model").is_dir()


def test_a_folder_without_runs_is_said_so(tmp_path: Path, run_cli: Any) -> None:
    done = run_cli(tmp_path, "runs")
    assert (done.returncode, "there is no run in runs" in done.stderr) == (2, True)
