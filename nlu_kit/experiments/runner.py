"""Run the cells of a plan that have no record yet, one after the other, each in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from nlu_kit.errors import DataError
from nlu_kit.experiments.plan import Cell, Plan
from nlu_kit.experiments.worker import RECORD, read_record
from nlu_kit.locking import BusyError, only_one
from nlu_kit.training.folders import waiting

LOG = "worker.log"
_PATIENCE = 10.0  # seconds that a process has to end when it is asked to


class Watcher:
    """Hears how the grid goes on; this one does nothing with it. Override what you want to hear."""

    def on_start(self, cells: int, finished: int) -> None:
        return

    def on_cell_start(self, cell: Cell) -> None:
        return

    def on_epoch(self, cell: Cell, epoch: int, epochs: int, score: float) -> None:
        return

    def on_cell_end(self, cell: Cell, record: dict[str, Any]) -> None:
        return

    def on_cell_failed(self, cell: Cell, error: str) -> None:
        return


@dataclass(frozen=True, slots=True)
class Results:
    """``records`` in the order of the plan's cells, where there is one; ``failed`` says why there is none."""

    records: list[tuple[Cell, dict[str, Any]]] = field(default_factory=list)
    failed: list[tuple[Cell, str]] = field(default_factory=list)


def run_plan(plan: Plan, output: Path, watcher: Watcher, *, worker: str, keep_models: bool = False) -> Results:
    """Run what isn't finished. A cell that fails doesn't stop the others; Ctrl-C does, and leaves the finished ones.
    ``worker`` is the module that runs a cell (see ``nlu_kit.experiments.worker``).

    Raises DataError where the output folder can't be made, or another process runs a grid in it.
    """
    cells = output / "cells"
    try:
        cells.mkdir(parents=True, exist_ok=True)
        with only_one(output / ".lock"):
            return _run_missing(plan, cells, watcher, keep_models, worker)
    except BusyError as error:
        raise DataError(f"trainings run in {output} already ({error}): wait for them, or set --output") from None
    except OSError as error:
        raise DataError(f"no results can be written in {output}: {error.strerror}; set --output") from error


def _run_missing(plan: Plan, cells: Path, watcher: Watcher, keep_models: bool, worker: str) -> Results:
    known = {cell.key: record for cell in plan.cells if (record := _finished(cells / cell.key, cell, keep_models))}
    watcher.on_start(len(plan.cells), len(known))
    results = Results()
    for cell in plan.cells:
        record = known.get(cell.key)
        if record is None:
            watcher.on_cell_start(cell)
            try:
                record = _run(plan, cell, cells / cell.key, watcher, keep_models, worker)
            except CellError as error:
                results.failed.append((cell, str(error)))
                watcher.on_cell_failed(cell, str(error))
                continue
            watcher.on_cell_end(cell, record)
        results.records.append((cell, record))
    return results


class CellError(Exception):
    """A cell's process ended without a record."""


def _finished(folder: Path, cell: Cell, keep_models: bool) -> dict[str, Any] | None:
    record = read_record(folder, cell.key)
    if record is not None and keep_models and not (folder / record["run"] / "model").is_dir():
        return None
    return record


def _run(plan: Plan, cell: Cell, folder: Path, watcher: Watcher, keep_models: bool, worker: str) -> dict[str, Any]:
    _tidy(folder)
    folder.mkdir(parents=True, exist_ok=True)
    task = {
        **cell.extra,
        "pipeline": str(plan.file.resolve()),
        "overrides": list(cell.overrides),
        "folder": str(folder.resolve()),
        "key": cell.key,
    }
    with (folder / LOG).open("wb") as log:
        process = _start(worker, log)
        try:
            error = _follow(process, task, cell, watcher)
            code = process.wait()
        except BaseException:
            _end(process)
            log.close()
            _tidy(folder)
            raise
    record = read_record(folder, cell.key)
    if record is None or code != 0:
        if waiting(folder / "runs") is None:
            shutil.rmtree(folder / "runs", ignore_errors=True)
        (folder / "cell.json").unlink(missing_ok=True)
        raise CellError(error or f"{_ending(code)}; see {folder / LOG}")
    if not keep_models:
        shutil.rmtree(folder / record["run"] / "model", ignore_errors=True)
    return record


def _tidy(folder: Path) -> None:
    """Remove what an earlier try has left, but for a run that can be resumed."""
    if waiting(folder / "runs") is None:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        (folder / RECORD).unlink(missing_ok=True)


def _start(worker: str, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Away from the terminal's Ctrl-C, upon which a run would end early and take itself for finished."""
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return subprocess.Popen(
        [sys.executable, "-m", worker],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env={**os.environ, "PYTHONUTF8": "1"},
        **apart,
    )


def _follow(process: subprocess.Popen[bytes], task: dict[str, Any], cell: Cell, watcher: Watcher) -> str:
    """Pass on what the process tells, until it ends; the error that it told, if any."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(task).encode())
        process.stdin.close()
    except BrokenPipeError:  # it ended at once; its exit code and its log say why
        return ""
    error = ""
    for line in process.stdout:
        told = json.loads(line)
        if told["event"] == "epoch":
            watcher.on_epoch(cell, told["epoch"], told["epochs"], told["score"])
        elif told["event"] == "failed":
            error = told["error"]
    return error


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ending(code: int) -> str:
    if code in (-9, 137):
        return "the process was killed, perhaps for want of memory (set a smaller training.batch_size)"
    return f"the process ended with code {code}"
