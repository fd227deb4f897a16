"""The folder of a run, and ``latest``, which points to the last run that finished."""

from __future__ import annotations

import itertools
import os
from datetime import datetime
from pathlib import Path

from nlu_kit.errors import DataError

LATEST = "latest"


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


def point_latest(run: Path) -> None:
    """Let ``latest`` beside the run point to it, in one rename: a link, or where links are not allowed a text file."""
    temporary = run.parent / f".{LATEST}-{os.getpid()}"
    temporary.unlink(missing_ok=True)
    try:
        temporary.symlink_to(run.name, target_is_directory=True)
    except OSError:  # Windows without the privilege
        temporary.write_text(run.name, encoding="utf-8")
    temporary.replace(run.parent / LATEST)
