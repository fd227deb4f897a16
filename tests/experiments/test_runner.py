"""Cells in processes of their own: resumed, interrupted, failed. A stand-in trains nothing, so that this is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlu_kit.errors import DataError
from nlu_kit.experiments.grid import parse_axes
from nlu_kit.experiments.plan import Cell, Plan, make_plan
from nlu_kit.experiments.runner import Watcher, run_plan

STAND_IN = """
import json, os, pathlib, sys, time
task = json.loads(sys.stdin.buffer.read())
seed = task["overrides"][-1]
folder = pathlib.Path(task["folder"])
(folder / "runs" / "x" / "model").mkdir(parents=True)
print(json.dumps({"event": "epoch", "epoch": 1, "epochs": 2, "score": 0.5}), flush=True)
if os.environ.get("FAIL") == seed:
    print(json.dumps({"event": "failed", "error": "it diverged"}), flush=True)
    sys.exit(2)
if os.environ.get("DIE") == seed:
    os.kill(os.getpid(), 9)
if os.environ.get("HANG") == seed:
    time.sleep(300)
(folder / "cell.json").write_text(json.dumps({"format": 2, "key": task["key"], "run": "runs/x"}))
"""


class Watching(Watcher):
    """Keeps what happened; may interrupt at an epoch of a seed."""

    def __init__(self, interrupt_at: int | None = None) -> None:
        self.told: list[Any] = []
        self.interrupt_at = interrupt_at

    def on_start(self, cells: int, finished: int) -> None:
        self.told.append(("start", cells, finished))

    def on_cell_start(self, cell: Cell) -> None:
        self.told.append(("run", cell.seed))

    def on_epoch(self, cell: Cell, epoch: int, epochs: int, score: float) -> None:
        assert (epoch, epochs, score) == (1, 2, 0.5)
        if cell.seed == self.interrupt_at:
            raise KeyboardInterrupt

    def on_cell_end(self, cell: Cell, record: dict[str, Any]) -> None:
        self.told.append(("end", cell.seed))

    def on_cell_failed(self, cell: Cell, error: str) -> None:
        self.told.append(("failed", cell.seed, error))


@pytest.fixture
def plan(write_pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "stand_in.py").write_text(STAND_IN, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    return make_plan(write_pipeline(tmp_path, training={"seed": 1}), axes=parse_axes([]), settings=(), seeds=3)


def test_what_is_finished_is_not_run_again(plan: Plan, tmp_path: Path) -> None:
    first, second = Watching(), Watching()
    run_plan(plan, tmp_path / "out", first, worker="stand_in")
    assert first.told == [("start", 3, 0), *(told for seed in (1, 2, 3) for told in (("run", seed), ("end", seed)))]
    (tmp_path / "out" / "cells" / plan.cells[1].key / "cell.json").write_text('{"format": 2, "ke', encoding="utf-8")
    results = run_plan(plan, tmp_path / "out", second, worker="stand_in")
    assert second.told == [("start", 3, 2), ("run", 2), ("end", 2)]
    assert [cell.seed for cell, _ in results.records] == [1, 2, 3]


def test_ctrl_c_leaves_the_finished_cells_and_no_half_one(plan: Plan, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("HANG", "training.seed=2")
    with pytest.raises(KeyboardInterrupt):
        run_plan(plan, tmp_path / "out", Watching(interrupt_at=2), worker="stand_in")
    assert [folder.name for folder in (tmp_path / "out" / "cells").iterdir()] == [plan.cells[0].key]
    monkeypatch.delenv("HANG")
    again = Watching()
    run_plan(plan, tmp_path / "out", again, worker="stand_in")
    assert again.told[0] == ("start", 3, 1)


@pytest.mark.parametrize(("how", "message"), [("FAIL", "it diverged"), ("DIE", "the process was killed, perhaps for")])
def test_a_cell_that_fails_stops_no_other_and_is_tried_again(
    plan: Plan, tmp_path: Path, monkeypatch: Any, how: str, message: str
) -> None:
    monkeypatch.setenv(how, "training.seed=2")
    results = run_plan(plan, tmp_path / "out", Watching(), worker="stand_in")
    assert [cell.seed for cell, _ in results.records] == [1, 3]
    ((cell, error),) = results.failed
    assert cell.seed == 2
    assert error.startswith(message)
    monkeypatch.delenv(how)
    again = Watching()
    run_plan(plan, tmp_path / "out", again, worker="stand_in")
    assert again.told == [("start", 3, 2), ("run", 2), ("end", 2)]


def test_models_go_unless_they_are_to_stay(plan: Plan, tmp_path: Path) -> None:
    run_plan(plan, tmp_path / "out", Watching(), worker="stand_in")
    assert not list((tmp_path / "out").rglob("model"))
    again = Watching()
    run_plan(plan, tmp_path / "out", again, keep_models=True, worker="stand_in")
    assert again.told[0] == ("start", 3, 0)  # a record alone is not what was asked for
    assert len(list((tmp_path / "out").rglob("model"))) == 3
    last = Watching()
    run_plan(plan, tmp_path / "out", last, keep_models=True, worker="stand_in")
    assert last.told == [("start", 3, 3)]


def test_an_output_that_is_a_file(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="set --output"):
        run_plan(plan, tmp_path / "out", Watching(), worker="stand_in")


def test_a_process_that_says_nothing_useful_points_to_its_log(plan: Plan, tmp_path: Path) -> None:
    results = run_plan(plan, tmp_path / "out", Watching(), worker="no_such_module_at_all")
    assert len(results.failed) == 3
    assert "worker.log" in results.failed[0][1]
    log = tmp_path / "out" / "cells" / plan.cells[0].key / "worker.log"
    assert "no_such_module_at_all" in log.read_text(encoding="utf-8")
