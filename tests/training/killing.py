"""Ends real trainings everywhere, goes on, and compares what comes out.

    python -m tests.training.killing < task.json

A process of its own, which forks a child for every training: torch is imported once. The task names ``pipeline``,
``place`` (an empty folder) and ``ends``, a list of [how, where]: ``die`` at a file operation (a write in the middle),
``full``, from that operation on no space is left, ``kill`` (SIGKILL) after a share of the training's time, ``tmpfs``, a
file system of so many KB. Where ``where`` is null, every operation is meant. A line of JSON comes out for each end.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

KILLED = 137
Work = Callable[[], int]


def main() -> None:
    task = json.load(sys.stdin)
    import torch

    from nlu_kit.config.check import load_pipeline
    from nlu_kit.training import run  # noqa: F401 - imported once, and not in every child
    from nlu_kit.training.prepare import prepare

    torch.set_num_threads(1)
    pipeline, place = Path(task["pipeline"]), Path(task["place"])
    prepare(load_pipeline(pipeline))  # imports what the pipeline needs; no backward pass, after which none could fork
    place.mkdir()
    began = time.monotonic()
    code, total = forked(lambda: train(pipeline, place / "whole"), said=place / "said")
    seconds = time.monotonic() - began
    assert code == 0, (place / "said").read_text("utf-8")
    runs = place / "runs"
    for how, where in every(task["ends"], total):
        with room(runs, kilobytes=where if how == "tmpfs" else None) as more:
            after = where * seconds if how == "kill" else None
            at = where if how in ("die", "full") else None
            code, _ = forked(lambda: train(pipeline, runs), said=place / "said", at=at, full=how == "full", after=after)
            said = (place / "said").read_text("utf-8", "replace")
            more()
            clean = "Traceback" not in said and (how not in ("full", "tmpfs") or code in (0, 1, 2))
            line = {"how": how, "where": where, "of": total, "code": code, "clean": clean, **outcome(pipeline, place)}
            print(json.dumps({**line, "died": code != 0, "said": "" if clean else said[-2000:]}), flush=True)


def every(ends: Sequence[tuple[str, float | None]], total: int) -> Iterator[tuple[str, Any]]:
    """Ends with every operation in place of null, and without those that there are not."""
    for how, where in ends:
        if where is None:
            yield from ((how, number) for number in range(1, total + 1))
        elif how not in ("die", "full") or where <= total:
            yield how, where


@contextlib.contextmanager
def room(runs: Path, *, kilobytes: int | None) -> Iterator[Callable[[], None]]:
    """An empty folder for runs; with ``kilobytes``, a file system of that size until what is given here is called."""
    runs.mkdir()
    if kilobytes is not None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(runs)], check=True)

    def more() -> None:
        if kilobytes is not None:
            subprocess.run(["mount", "-o", "remount,size=1g", str(runs)], check=True)

    try:
        yield more
    finally:
        if kilobytes is not None:
            subprocess.run(["umount", str(runs)], check=True)
        shutil.rmtree(runs, ignore_errors=True)


def outcome(pipeline: Path, place: Path) -> dict[str, Any]:
    """What was left of a run that ended, and whether going on from it gives what nobody disturbed."""
    from nlu_kit.training.folders import CHECKPOINTS, MODEL, unfinished, waiting
    from nlu_kit.training.resume import newest

    runs, said = place / "runs", place / "said"
    run = waiting(runs)
    lost = 0
    if run is not None:
        point, damaged = newest(run / CHECKPOINTS)
        recorded = (run / "metrics.jsonl").read_text("utf-8").count('"StepEnd"')
        lost = max(0, recorded - point.position.global_step) + len(damaged)
        again, _ = forked(lambda: train(pipeline, runs, "--resume", str(run)), said=said)
    elif list(runs.glob(f"*/{MODEL}")):
        again = 0  # it was written already
    elif begun := next(unfinished(runs), None):
        again, _ = forked(lambda: train(pipeline, runs, "--resume", str(begun)), said=said)
    else:
        for left in runs.iterdir():
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        again, _ = forked(lambda: train(pipeline, runs), said=said)
    (whole,), models = weights(place / "whole"), weights(runs)
    same = len(models) == 1 and models[0].read_bytes() == whole.read_bytes()
    return {"resumed": run is not None, "steps_lost": lost, "goes_on": again == 0, "same": same}


def weights(runs: Path) -> list[Path]:
    """Of the models in a folder of runs; ``latest`` leads to one of them."""
    return sorted({file.resolve() for file in runs.glob("*/model/model.safetensors")})


def train(pipeline: Path, runs: Path, *more: str) -> int:
    """The command's exit code."""
    from nlu_kit.cli.main import main

    what = more or (str(pipeline),)
    return main(["train", *what, "--runs", str(runs), "--quiet"])


def forked(
    work: Work, *, said: Path, at: int | None = None, full: bool = False, after: float | None = None
) -> tuple[int, int]:
    """(exit code, file operations) of a child that does ``work``. It dies at an operation or after some seconds; or, if
    ``full``, the disk is, from that operation on."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        counted = Counted(at, full=full)
        code = 1
        try:
            with said.open("wb") as stream:
                os.dup2(stream.fileno(), 1)
                os.dup2(stream.fileno(), 2)
            with counted.watching():
                code = work()
        except BaseException:
            traceback.print_exc()
        os.write(writing, str(counted.number).encode())
        os._exit(code)
    os.close(writing)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading) as stream:
        number = stream.read()
    return os.waitstatus_to_exitcode(status), int(number or 0)


class Counted:
    """Counts file operations. At one of them it ends the process, in the middle of it: half of what was to be written
    is there. Or, if the disk is ``full``, that one and all after it that need room fail."""

    def __init__(self, at: int | None, *, full: bool) -> None:
        self.at, self.full, self.number = at, full, 0

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        import safetensors.torch

        from nlu_kit.training import checkpoint, resume

        for module, names in ((os, ("replace", "fsync", "unlink", "truncate")), (shutil, ("rmtree",))):
            for name in names:
                setattr(module, name, self._before(getattr(module, name)))
        for name in ("mkdir", "symlink"):
            setattr(os, name, self._before(getattr(os, name), needs_room=True))
        for owner, name in ((checkpoint, "save_file"), (resume, "save_file"), (safetensors.torch, "save_model")):
            setattr(owner, name, self._half(getattr(owner, name), place=1))
        Path.write_bytes = self._half(Path.write_bytes, place=0)  # type: ignore[method-assign]
        yield

    def _before(self, operation: Callable[..., Any], *, needs_room: bool = False) -> Callable[..., Any]:
        def counting(*given: Any, **named: Any) -> Any:
            self.number += 1
            if self.number == self.at and not self.full:
                os._exit(KILLED)
            if needs_room:
                self._refuse_where_full()
            return operation(*given, **named)

        return counting

    def _half(self, operation: Callable[..., Any], *, place: int) -> Callable[..., Any]:
        def counting(*given: Any, **named: Any) -> Any:
            self.number += 1
            file = Path(given[place])
            try:
                self._refuse_where_full()
            except OSError:
                file.touch()
                raise
            done = operation(*given, **named)
            if self.number == self.at:
                os.truncate(file, file.stat().st_size // 2)
                os._exit(KILLED)
            return done

        return counting

    def _refuse_where_full(self) -> None:
        if self.full and self.at is not None and self.number >= self.at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def run_task(task: dict[str, Any]) -> list[dict[str, Any]]:
    """From another process: the lines of a task."""
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
