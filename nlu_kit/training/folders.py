"""The folder of a run, and ``latest``, which points to the last run that finished."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from pathlib import Path

LATEST = "latest"


def new_run_folder(runs: Path, name: str) -> Path:
    """Create ``runs/<time>-<name>``; a second run in the same second gets a number."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    for attempt in range(1000):
        folder = runs / (f"{stamp}-{name}" + (f"-{attempt + 1}" if attempt else ""))
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
    raise FileExistsError(f"{runs} holds a thousand runs of {stamp}")


def point_latest(run: Path) -> None:
    """Let ``latest`` beside the run point to it, in one rename: a link, or where links are not allowed a text file."""
    temporary = run.parent / f".{LATEST}-{os.getpid()}"
    temporary.unlink(missing_ok=True)
    try:
        temporary.symlink_to(run.name, target_is_directory=True)
    except OSError:  # Windows without the privilege
        temporary.write_text(run.name, encoding="utf-8")
    temporary.replace(run.parent / LATEST)
