"""Kills real trainings, at a file operation or at any moment, resumes them, and compares what comes out.

    python -m tests.training.killing < task.json

A process of its own, which forks a child for every training: torch is imported once. The task names ``pipeline``,
``place`` (an empty folder), ``operations`` (which file operations to die at; null is every one) and ``moments`` (how
many times to die at a random one). A line of JSON comes out for each death.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

KILLED = 137
Work = Callable[[], None]


def main() -> None:
    task = json.load(sys.stdin)
    import torch

    from nlu_kit.config.check import load_pipeline
    from nlu_kit.training import run  # noqa: F401 - imported once, and not in every child
    from nlu_kit.training.prepare import prepare

    torch.set_num_threads(1)
    pipeline, place = Path(task["pipeline"]), Path(task["place"])
    prepare(load_pipeline(pipeline))  # imports what the pipeline needs; no backward pass, after which none could fork
    chance = random.Random(0)
    began = time.monotonic()
    code, total = forked(lambda: train(pipeline, place / "whole"))
    seconds = time.monotonic() - began
    assert code == 0, "the run that nobody disturbs fails"
    operations = range(1, total + 1) if task["operations"] is None else task["operations"]
    deaths: list[tuple[int | None, float | None]] = [(number, None) for number in operations if number <= total]
    deaths += [(None, chance.uniform(0, seconds)) for _ in range(task["moments"])]
    runs = place / "runs"
    for number, after in deaths:
        code, _ = forked(lambda: train(pipeline, runs), at=number, after=after)
        line = {"operation": number, "after": after, "of": total, **outcome(pipeline, place, code)}
        print(json.dumps(line), flush=True)
        shutil.rmtree(runs, ignore_errors=True)


def outcome(pipeline: Path, place: Path, code: int) -> dict[str, Any]:
    """What was left of a run that died with ``code``, and whether going on from it gives what nobody disturbed."""
    from nlu_kit.training.folders import CHECKPOINTS, MODEL, waiting
    from nlu_kit.training.resume import newest

    runs, died = place / "runs", code != 0
    run = waiting(runs) if runs.is_dir() else None
    lost = 0
    if run is not None:
        point, damaged = newest(run / CHECKPOINTS)
        recorded = (run / "metrics.jsonl").read_text("utf-8").count('"StepEnd"')
        lost = max(0, recorded - point.position.global_step) + len(damaged)
        again, _ = forked(lambda: resume(run))
    elif list(runs.glob(f"*/{MODEL}")):
        again = 0  # it was written already
    else:
        shutil.rmtree(runs, ignore_errors=True)
        again, _ = forked(lambda: train(pipeline, runs))
    (whole,), models = weights(place / "whole"), weights(runs)
    same = len(models) == 1 and models[0].read_bytes() == whole.read_bytes()
    return {"died": died, "resumed": run is not None, "steps_lost": lost, "goes_on": again == 0, "same": same}


def weights(runs: Path) -> list[Path]:
    """Of the models in a folder of runs; ``latest`` leads to one of them."""
    return sorted({file.resolve() for file in runs.glob("*/model/model.safetensors")})


def train(pipeline: Path, runs: Path) -> None:
    from nlu_kit.training.run import train as run

    run(pipeline, runs=runs)


def resume(run: Path) -> None:
    from nlu_kit.training.run import resume_run

    resume_run(run)


def forked(work: Work, *, at: int | None = None, after: float | None = None) -> tuple[int, int]:
    """(exit code, file operations) of a child that does ``work``, and dies at one of them or after some seconds."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        counted = Counted(at)
        code = 1
        try:
            with open(os.devnull, "w") as nothing:  # noqa: PTH123
                os.dup2(nothing.fileno(), 2)
            with counted.watching():
                work()
            code = 0
        except BaseException:
            traceback.print_exc(file=sys.stdout)
        os.write(writing, str(counted.number).encode())
        os._exit(code)
    os.close(writing)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading) as stream:
        said = stream.read()
    return os.waitstatus_to_exitcode(status), int(said or 0)


class Counted:
    """Counts file operations, and ends the process in the middle of one: half of what was to be written is there."""

    def __init__(self, at: int | None) -> None:
        self.at, self.number = at, 0

    def watching(self) -> Any:
        import contextlib

        return contextlib.contextmanager(self._watching)()

    def _watching(self) -> Iterator[None]:
        import safetensors.torch

        from nlu_kit.training import checkpoint, resume

        moving = ("replace", "fsync", "mkdir", "unlink", "truncate", "symlink")
        for module, names in ((os, moving), (shutil, ("rmtree",))):
            for name in names:
                setattr(module, name, self._before(getattr(module, name)))
        for owner, name in ((checkpoint, "save_file"), (resume, "save_file"), (safetensors.torch, "save_model")):
            setattr(owner, name, self._half(getattr(owner, name), place=1))
        Path.write_bytes = self._half(Path.write_bytes, place=0)  # type: ignore[method-assign]
        yield

    def _before(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*given: Any, **named: Any) -> Any:
            self._next()
            return operation(*given, **named)

        return counting

    def _half(self, operation: Callable[..., Any], *, place: int) -> Callable[..., Any]:
        def counting(*given: Any, **named: Any) -> Any:
            self.number += 1
            done = operation(*given, **named)
            if self.number == self.at:
                file = Path(given[place])
                os.truncate(file, file.stat().st_size // 2)
                os._exit(KILLED)
            return done

        return counting

    def _next(self) -> None:
        self.number += 1
        if self.number == self.at:
            os._exit(KILLED)


def run_task(task: dict[str, Any]) -> list[dict[str, Any]]:
    """From another process: the lines of a task."""
    import subprocess

    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.killing"],
        cwd=root,
        input=json.dumps(task),
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    lines: Sequence[str] = done.stdout.splitlines()
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main()
