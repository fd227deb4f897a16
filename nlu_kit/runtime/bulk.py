"""A file of texts in, a file of answers out: in windows, over several processes, and on from where it was ended.

The answers grow in ``OUTPUT.partial``; beside it, ``OUTPUT.progress`` says after each window how many rows are done and
how many bytes that made. What a kill leaves beyond these bytes is cut off, so that no row is lost, or answered twice.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import islice
from multiprocessing.connection import wait
from pathlib import Path
from typing import IO, Any

from pydantic import Field, ValidationError

from nlu_kit.errors import DataError, ModelError
from nlu_kit.files import JsonError, read_json, sha256, write_json
from nlu_kit.locking import BusyError, only_one
from nlu_kit.model.manifest import MANIFEST
from nlu_kit.params import Params
from nlu_kit.runtime.predictor import Predictor, Runtime, load_same
from nlu_kit.runtime.rows import Bad, Row
from nlu_kit.runtime.texts import Utterance, answer

WINDOW = 1024
"""Rows that are sorted by length, answered and written together."""
GO_ON = "the same command with --resume goes on from there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """``rows`` gives the rows of ``source`` from its beginning. ``errors`` is where rows go that are wrong; without it,
    the first of them ends the job. ``options`` goes to ``load``."""

    source: Path
    rows: Callable[[], Iterator[Row]]
    output: Path
    errors: Path | None
    model: Path
    workers: int
    threshold: float | None = None
    runtime: Runtime = "auto"
    device: str = "cpu"

    @property
    def options(self) -> dict[str, Any]:
        return {"threshold": self.threshold, "runtime": self.runtime, "device": self.device}


class Progress(Params):
    """What the file ``OUTPUT.progress`` holds: what was asked, and how far it has come. ``done``: only the files' names
    are left."""

    asked: dict[str, Any]
    rows: int = Field(default=0, ge=0)
    bad: int = Field(default=0, ge=0)
    output_bytes: int = Field(default=0, ge=0)
    errors_bytes: int = Field(default=0, ge=0)
    done: bool = False


Watch = Callable[[Progress], None]


def answer_file(job: Job, predictor: Predictor, *, resume: bool, overwrite: bool, watch: Watch) -> Progress:
    """Answer every row, in order. ``watch`` is called at the start and after each window.

    Raises DataError where a file is there already and neither ``resume`` nor ``overwrite`` says what to do, where what
    is asked is not what was begun, or for a bad row without ``errors``: what was answered before it can be resumed.
    """
    places = [job.output, *([job.errors] if job.errors else [])]
    try:
        with only_one(job.output.with_name(job.output.name + ".lock")):
            progress = _begin(job, places, resume=resume, overwrite=overwrite)
            watch(progress)
            if not progress.done:
                progress = _go_on(job, predictor, places, progress, watch).model_copy(update={"done": True})
                write_json(_progress_of(job.output), progress.model_dump())
            for place in places:
                if _partial(place).exists():  # else it has its name already: a kill came between two of them
                    _partial(place).replace(place)
            _progress_of(job.output).unlink(missing_ok=True)
    except BusyError as error:
        raise DataError(f"{job.output} is being written by {error}; wait for it, or name another file") from None
    return progress


def _go_on(job: Job, predictor: Predictor, places: Sequence[Path], progress: Progress, watch: Watch) -> Progress:
    sizes = (progress.output_bytes, progress.errors_bytes)
    with ExitStack() as stack:
        parts = [stack.enter_context(_growing(place, size)) for place, size in zip(places, sizes, strict=False)]
        for answers, reasons, count, bad in _answered(job, predictor, skip=progress.rows):
            for part, data in zip(parts, (answers, reasons), strict=False):
                part.write(data)
                part.flush()
            progress = progress.model_copy(
                update={
                    "rows": progress.rows + count,
                    "bad": progress.bad + bad,
                    "output_bytes": progress.output_bytes + len(answers),
                    "errors_bytes": progress.errors_bytes + len(reasons),
                }
            )
            write_json(_progress_of(job.output), progress.model_dump())
            watch(progress)
    return progress


# --- what is there ----------------------------------------------------------------------------------------------------


def _partial(place: Path) -> Path:
    return place.with_name(place.name + ".partial")


def _progress_of(output: Path) -> Path:
    return output.with_name(output.name + ".progress")


def _begin(job: Job, places: Sequence[Path], *, resume: bool, overwrite: bool) -> Progress:
    """How far it has come. Raises DataError."""
    fresh, file = Progress(asked=_asked(job)), _progress_of(job.output)
    if overwrite:
        file.unlink(missing_ok=True)
        return fresh
    progress = _begun(file, fresh) if resume and file.exists() else fresh
    if progress.done:
        return progress
    for place in places:
        if place.exists():
            raise DataError(f"{place} is there already: name another file, or say --overwrite")
    if not resume and file.exists():
        raise DataError(f"{job.output} was begun and not finished: --resume goes on, --overwrite begins again")
    return progress


def _begun(file: Path, fresh: Progress) -> Progress:
    """What was begun with the same question. Raises DataError."""
    again = "begin again with --overwrite"
    try:
        progress = Progress.model_validate(read_json(file, limit=1 << 20))
    except (JsonError, ValidationError) as error:
        raise DataError(f"{file} can't be read ({str(error).splitlines()[0]}): {again}") from None
    for name, asked in fresh.asked.items():
        if progress.asked.get(name) != asked:
            raise DataError(f"{file.with_suffix('')} was begun with another {name}: {again}")
    return progress


def _asked(job: Job) -> dict[str, Any]:
    """What must be the same for the second half of the answers to fit the first."""
    manifest = job.model / MANIFEST
    asked = {"input": str(job.source), "model": sha256(manifest) if manifest.exists() else "", **job.options}
    if job.source.is_file():
        status = job.source.stat()
        asked["input"] += f", {status.st_size} bytes, changed {status.st_mtime_ns}"
    return asked


@contextmanager
def _growing(place: Path, size: int) -> Iterator[IO[bytes]]:
    """The part of a file that was written whole, to go on after. Raises DataError where that much is not there."""
    partial = _partial(place)
    try:
        with partial.open("r+b" if size else "wb") as stream:
            if stream.seek(0, os.SEEK_END) < size:
                raise DataError(f"{partial} is shorter than what was written to it: begin again with --overwrite")
            stream.truncate(size)
            stream.seek(size)
            yield stream
    except BaseException:
        if partial.exists() and partial.stat().st_size == 0:
            partial.unlink()
        raise


# --- answering --------------------------------------------------------------------------------------------------------

Answered = tuple[bytes, bytes, int, int]
"""Lines for the output, lines for the errors, how many rows these are, and how many of them are bad."""


def _answered(job: Job, predictor: Predictor, *, skip: int) -> Iterator[Answered]:
    windows = _windows(islice(job.rows(), skip, None), stop_at_bad=job.errors is None)
    first = list(islice(windows.lists, 2))
    if job.workers > 1 and len(first) == 2:  # starting processes for less is a waste
        yield from _by_processes(job, predictor.saved.files.hashes, _chain(first, windows.lists))
    else:
        for window in _chain(first, windows.lists):
            yield answer_window(predictor, window)
    if windows.failure is not None:
        raise windows.failure


@dataclass(slots=True)
class _Windows:
    """``lists`` of rows; where the next can't be had, ``failure`` says why after the last."""

    lists: Iterator[list[Row]] = field(default_factory=lambda: iter(()))
    failure: DataError | None = None


def _windows(rows: Iterator[Row], *, stop_at_bad: bool) -> _Windows:
    found = _Windows()

    def lists() -> Iterator[list[Row]]:
        window: list[Row] = []
        try:
            for row in rows:
                if stop_at_bad and isinstance(row, Bad):
                    hint = f"--errors FILE sets such rows aside; what comes before is answered, and {GO_ON}"
                    raise DataError(f"{row.reason} ({hint})")
                window.append(row)
                if len(window) == WINDOW:
                    yield window
                    window = []
        except DataError as error:
            found.failure = error
        if window:
            yield window

    found.lists = lists()
    return found


def _chain(first: Sequence[list[Row]], rest: Iterator[list[Row]]) -> Iterator[list[Row]]:
    yield from first
    yield from rest


def answer_window(predictor: Predictor, window: Sequence[Row]) -> Answered:
    """Raises ModelError for an answer that is no number."""
    utterances = [row for row in window if isinstance(row, Utterance)]
    bad = [row for row in window if isinstance(row, Bad)]
    predictions = predictor.parse_many([utterance.text for utterance in utterances])
    answers = [_line(answer(one, utterance)) for one, utterance in zip(predictions, utterances, strict=True)]
    reasons = [_line({"line": row.line, "error": row.reason}) for row in bad]
    return b"".join(answers), b"".join(reasons), len(window), len(bad)


def _line(record: Mapping[str, Any]) -> bytes:
    """What JSON lacks (a date of a table) becomes text. Raises ModelError for NaN in a prediction."""
    try:
        return (json.dumps(record, ensure_ascii=False, allow_nan=False, default=str) + "\n").encode()
    except ValueError as error:
        raise ModelError(f"an answer holds a number that is not finite: {str(record)[:100]}") from error


# --- processes --------------------------------------------------------------------------------------------------------

_load: Callable[[], Predictor]  # of a worker process


def _by_processes(job: Job, hashes: Mapping[str, str] | None, windows: Iterator[list[Row]]) -> Iterator[Answered]:
    """In the windows' order. A few are on their way at any time, so that memory stays flat."""
    same = partial(load_same, job.model, hashes, **job.options)
    pool = ProcessPoolExecutor(job.workers, multiprocessing.get_context("spawn"), initializer=_start, initargs=(same,))
    waiting: deque[Any] = deque()
    try:
        for window in windows:
            waiting.append(pool.submit(_answer_here, window))
            if len(waiting) > 2 * job.workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise ModelError(f"a worker process ended; if memory is short, use --workers 1; {GO_ON}") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start(load: Callable[[], Predictor]) -> None:
    """Ctrl-C is the parent's to handle; and where the parent is killed, no worker stays behind. What goes wrong with
    ``load`` is told by the first window."""
    global _load
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.getLogger("nlu_kit").setLevel(logging.ERROR)  # the parent has warned
    _load = cache(load)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _answer_here(window: Sequence[Row]) -> Answered:
    return answer_window(_load(), window)
