"""The folder of a run, and ``latest``, which points to the last run that finished."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from nlu_kit.errors import DataError, TrainingError
from nlu_kit.files import replacing
from nlu_kit.locking import is_held

LATEST, LOCK, MODEL, ENCODER, CHECKPOINTS = "latest", ".lock", "model", "encoder", "checkpoints"
FILES = {MODEL: "pipeline.json", ENCODER: "pretrain.json"}
"""What a run that makes the one was made from."""
METRICS, LOG, NOT_A_NUMBER = RECORDS = ("metrics.jsonl", "log.txt", "not-a-number.jsonl")
_RUN = re.compile(r"\d{8}-\d{6}-.+")
_LEFTOVER = re.compile(r"\.model-(writing|\d+)|\.?static-\d+|\.(epoch-\d+-step-\d+|best\.safetensors)-\d+")
_POINT = re.compile(r"epoch-(\d+)-step-(\d+)")


def new_run_folder(runs: Path, name: str) -> Path:
    """Create ``runs/<time>-<name>``; a second run in the same second gets a number.

    Raises DataError where it can't be created, or where ``latest`` could not be pointed to it at the end.
    """
    latest = runs / LATEST
    if latest.is_dir() and not latest.is_symlink():
        raise DataError(f"{latest} is a folder, and nlu-kit needs that name for its link: move it, or set --runs")
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    for attempt in itertools.count(1):
        folder = runs / (f"{stamp}-{name}" + (f"-{attempt}" if attempt > 1 else ""))
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if not runs.is_dir():
                raise DataError(f"{runs} is a file; name a folder for the runs with --runs") from None
        except OSError as error:
            raise DataError(f"no run's folder can be created in {runs}: {error.strerror}; set --runs") from error
        else:
            return folder
    raise AssertionError("counting never ends")


def unfinished(runs: Path, *, result: str = MODEL) -> Iterator[Path]:
    """The runs that nobody trains and that lack what they are to make, a model or an encoder, the newest first."""
    for run in sorted(filter(is_run, runs.glob("*")), reverse=True):
        if (run / FILES[result]).exists() and not is_over(run, result) and not is_held(run / LOCK):
            yield run


def waiting(runs: Path) -> Path | None:
    """The newest of them with a point to resume at."""
    return next((run for run in unfinished(runs) if points(run / CHECKPOINTS)), None)


def is_over(run: Path, result: str = MODEL) -> bool:
    """Whether the run has made its model, or its encoder."""
    return (run / result).exists()


def last_unfinished(runs: Path, *, result: str = MODEL) -> Path:
    """The newest of them, with a point or without. Raises TrainingError where there is none."""
    run = next(unfinished(runs, result=result), None)
    if run is None:
        command = "train" if result == MODEL else "pretrain"
        raise TrainingError(f"no run in {runs} waits to be resumed; name one: nlu-kit {command} --resume RUN")
    return run


def empty(run: Path) -> None:
    """Forget what a run has left that begins again. Its best weights stay until it has others."""
    for left in [*leftovers(run), *(run / name for name in RECORDS)]:
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)


def refuse_unless_ended(run: Path, *, result: str = MODEL) -> None:
    """Raises TrainingError for a run that is none, has made its model or encoder, or is still going on."""
    if not run.is_dir():
        raise TrainingError(f"there is no run in {run}: name its folder; nlu-kit runs lists them")
    if is_over(run, result):
        raise TrainingError(f"{run} is finished: its {result} is in {run / result}")
    if is_held(run / LOCK):
        raise TrainingError(f"{run} is still in training; end that first (Ctrl-C lets it be resumed)")


def is_run(folder: Path) -> bool:
    """Whether this is the folder of a run, by its name; ``latest``, which points to one, is none."""
    return _RUN.fullmatch(folder.name) is not None and not folder.is_symlink() and folder.is_dir()


def points(checkpoints: Path) -> list[Path]:
    """The points that a run can be resumed at, the newest first; whether they are whole is not looked at."""
    named = [(_POINT.fullmatch(path.name), path) for path in checkpoints.glob("epoch-*") if path.is_dir()]
    numbered = [(int(name[1]), int(name[2]), path) for name, path in named if name is not None]
    return [path for *_, path in sorted(numbered, reverse=True)]


def leftovers(run: Path) -> list[Path]:
    """What a run that was killed has left beside its checkpoints: half a model folder, half a point, a static cache."""
    inside = [*run.iterdir(), *(run / CHECKPOINTS).glob(".*")]
    return [left for left in inside if _LEFTOVER.fullmatch(left.name) and not left.is_symlink()]


def sweep(runs: Path) -> None:
    """Remove the leftovers of all runs that nobody trains."""
    for run in runs.iterdir():
        if is_run(run) and not is_held(run / LOCK):
            for left in leftovers(run):
                shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)


def point_latest(run: Path) -> None:
    """Let ``latest`` beside the run point to it, in one rename: a link, or where links are not allowed a text file."""
    with replacing(run.parent / LATEST) as temporary:
        try:
            temporary.symlink_to(run.name, target_is_directory=True)
        except OSError:  # Windows without the privilege
            temporary.write_text(run.name, encoding="utf-8")
