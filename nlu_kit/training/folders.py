"""The folder of a run, and ``latest``, which points to the last run that finished."""

from __future__ import annotations

import itertools
import re
import shutil
from datetime import datetime
from pathlib import Path

from nlu_kit.errors import DataError
from nlu_kit.files import replacing
from nlu_kit.locking import is_held

LATEST, LOCK = "latest", ".lock"
_RUN = re.compile(r"\d{8}-\d{6}-.+")
_LEFTOVER = re.compile(r"\.model-(writing|\d+)|\.?static-\d+")


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


def sweep(runs: Path) -> None:
    """Remove what runs that were killed have left beside their checkpoints: half a model folder, a static cache."""
    for run in runs.iterdir():
        if not _RUN.fullmatch(run.name) or run.is_symlink() or not run.is_dir() or is_held(run / LOCK):
            continue
        for left in run.iterdir():
            if _LEFTOVER.fullmatch(left.name) and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)


def point_latest(run: Path) -> None:
    """Let ``latest`` beside the run point to it, in one rename: a link, or where links are not allowed a text file."""
    with replacing(run.parent / LATEST) as temporary:
        try:
            temporary.symlink_to(run.name, target_is_directory=True)
        except OSError:  # Windows without the privilege
            temporary.write_text(run.name, encoding="utf-8")
