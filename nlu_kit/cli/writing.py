"""Write several files together: all of them, or none."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from nlu_kit.errors import NluKitError


def write_together(directory: Path, contents: Mapping[Path, bytes]) -> None:
    """Write ``contents`` (paths relative to ``directory``), over files that are there.

    Raises NluKitError, with nothing written, where the disk refuses.
    """
    try:
        _write(directory, contents)
    except OSError as error:
        raise NluKitError(f"can't write to {directory}: {error.strerror or error}") from error


def _write(directory: Path, contents: Mapping[Path, bytes]) -> None:
    """Write everything beside its place first, so that a full disk leaves nothing half written; then rename."""
    new = not directory.exists()
    beside = directory.parent if new else directory
    beside.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=".nlu-kit-", dir=beside))
    try:
        project = stage / "project"  # mkdtemp's own folder is closed to other users; this one follows the umask
        for path, content in contents.items():
            file = project / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        if new:
            project.rename(directory)
            return
        for path in contents:
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (project / path).replace(directory / path)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
