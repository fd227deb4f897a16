"""How far a job has come, and whether a command may go on with it: ``OUTPUT.progress`` holds what it was begun with.

Every option that changes what is answered, or where it goes, is compared. The second half of the answers must fit the
first.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from nlu_kit import __version__
from nlu_kit.errors import DataError
from nlu_kit.files import JsonError, read_json, sha256
from nlu_kit.model.manifest import MANIFEST
from nlu_kit.params import Params
from nlu_kit.runtime.outputs import Output

_ERRORS = "--errors"
_AGAIN = "begin again with --overwrite"


class Progress(Params):
    """``options``: what the job was begun with, by name. ``rows`` are done, those of former commands included, and
    ``bad`` of them are wrong. ``overwrite``: what has the outputs' names may be replaced. ``done``: only these names
    are left to give."""

    options: dict[str, Any]
    rows: int = Field(default=0, ge=0)
    bad: int = Field(default=0, ge=0)
    output_bytes: int = Field(default=0, ge=0)
    errors_bytes: int = Field(default=0, ge=0)
    overwrite: bool = False
    done: bool = False


def begun_with(
    *, source: Path, model: Path, errors: Path | None, options: Mapping[str, Any], reading: Mapping[str, Any]
) -> dict[str, Any]:
    """What must be the same for the second half of the answers to fit the first, as JSON."""
    manifest = model / MANIFEST
    return {
        "--input": os.path.realpath(source),
        "what --input holds": _fingerprint(source),
        "the model": sha256(manifest)[:16] if manifest.exists() else None,
        **{f"--{name}": value for name, value in {**reading, **options}.items()},
        _ERRORS: None if errors is None else os.path.realpath(errors),
        "nlu-kit": __version__,
    }


def _fingerprint(source: Path) -> str:
    """Changes where a file does, or one in a folder."""
    if source.is_file():
        status = source.stat()
        changed = datetime.fromtimestamp(status.st_mtime, timezone.utc).isoformat()
        return f"{status.st_size:,} bytes, changed {changed}"
    files = sorted(file for file in source.rglob("*") if file.is_file())
    digest = hashlib.sha256()
    for file in files:
        status = file.stat()
        digest.update(f"{file.relative_to(source)}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="replace"))
    return f"{len(files):,} files ({digest.hexdigest()[:16]})"


def begin(outputs: Sequence[Output], options: dict[str, Any], *, resume: bool, overwrite: bool) -> Progress:
    """How far a job has come; the first of ``outputs`` is that of the answers. Raises DataError where it was begun with
    other ``options``, or where neither ``resume`` nor ``overwrite`` says what to do with files that are there."""
    fresh = Progress(options=options, overwrite=overwrite)
    streams = [output for output in outputs if output.is_stream]
    if resume and streams:
        raise DataError(f"--resume goes on after what is in files, and {streams[0].path} is none")
    files = [output for output in outputs if not output.is_stream]
    if outputs[0].is_stream:
        _refuse_what_is_there([] if overwrite else files, left=files)
        return fresh
    file = outputs[0].progress
    if overwrite:
        file.unlink(missing_ok=True)
        return fresh
    if not file.exists():
        _refuse_what_is_there(files, left=files[1:])
        return fresh
    progress = _compared(_read(file), options, outputs[0]) if resume else fresh
    if not progress.overwrite and not progress.done:
        _refuse_what_is_there(files, left=())
    if not resume:
        raise DataError(f"{outputs[0].path} was begun and not finished: --resume goes on, --overwrite begins again")
    return progress


def _refuse_what_is_there(outputs: Sequence[Output], *, left: Sequence[Output]) -> None:
    """Raises DataError for a file that has one of the names, and for what another job ``left`` to go on with."""
    for output in outputs:
        if output.path.exists():
            raise DataError(f"{output.path} is there already: name another file, or say --overwrite")
    for output in left:
        if output.partial.exists() and output.partial.stat().st_size:
            raise DataError(f"{output.partial} is of a command that was not finished: name another, or say --overwrite")


def _read(file: Path) -> Progress:
    try:
        return Progress.model_validate(read_json(file, limit=1 << 20))
    except (JsonError, ValidationError) as error:
        raise DataError(f"{file} can't be read ({str(error).splitlines()[0]}): {_AGAIN}") from None


def _compared(progress: Progress, options: dict[str, Any], output: Output) -> Progress:
    """The progress where the options are the same. ``--errors`` may be new: a job without it ends at the first row that
    is wrong, so that none was passed over."""
    before = dict(progress.options)
    if before.get(_ERRORS) is None and not progress.done:
        before[_ERRORS] = options[_ERRORS]
    names = [name for name in {**options, **before} if before.get(name) != options.get(name)]
    if names:
        different = "; ".join(
            f"{name} was {_shown(before.get(name))}, is {_shown(options.get(name))} now" for name in names
        )
        raise DataError(f"{output.path} was begun otherwise: {different}; give the same, or {_AGAIN}")
    return progress.model_copy(update={"options": options})


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "given" if value else "not given"
    return f"'{value}'" if isinstance(value, str) else str(value)
