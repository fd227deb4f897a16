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
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from nlu_kit.errors import DataError, ModelError
from nlu_kit.files import write_json
from nlu_kit.locking import BusyError, only_one
from nlu_kit.runtime.bulk_progress import Progress, begin, begun_with
from nlu_kit.runtime.outputs import Output, check_outputs, outputs_of
from nlu_kit.runtime.predictor import Predictor, Runtime, load_same
from nlu_kit.runtime.rows import Bad, Row
from nlu_kit.runtime.texts import Utterance, answer

WINDOW = 1024
"""Rows that are sorted by length, answered and written together."""
GO_ON = "the same command with --resume goes on from there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """``rows`` gives the rows of ``source`` from its beginning, and ``reading`` says how they are read, by option.
    ``errors`` is where rows go that are wrong; without it, the first of them ends the job. ``options`` goes to
    ``load``."""

    source: Path
    rows: Callable[[], Iterator[Row]]
    output: Path
    errors: Path | None
    model: Path
    workers: int
    threshold: float | None = None
    runtime: Runtime = "auto"
    device: str = "cpu"
    reading: Mapping[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        return {"threshold": self.threshold, "runtime": self.runtime, "device": self.device}

    @property
    def ended_early(self) -> str:
        """What can be done after it."""
        return "what is missing has to be asked for again" if Output(self.output).is_stream else GO_ON

    def begun_with(self) -> dict[str, Any]:
        """What a command must have in common with this one to go on with it; see ``bulk_progress``."""
        return begun_with(
            source=self.source, model=self.model, errors=self.errors, options=self.options, reading=self.reading
        )


Watch = Callable[[Progress], None]


def answer_file(job: Job, predictor: Predictor, *, resume: bool, overwrite: bool, watch: Watch) -> Progress:
    """Answer every row, in order. ``watch`` is called at the start and after each window.

    Raises DataError where an output can't be written, is an input, or is there already and neither ``resume`` nor
    ``overwrite`` says what to do; where the job was begun otherwise; or for a bad row without ``errors``: what was
    answered before it can be resumed.
    """
    by_option = outputs_of(job.output, job.errors)
    check_outputs(by_option, job.source)
    outputs = list(by_option.values())
    with ExitStack() as locks:
        for output in outputs:
            if not output.is_stream:
                _lock(output, locks)
        progress = begin(outputs, job.begun_with(), resume=resume, overwrite=overwrite)
        watch(progress)
        if not progress.done:
            progress = _go_on(job, predictor, outputs, progress, watch).model_copy(update={"done": True})
            _write(progress, outputs[0])
        for output in outputs:
            output.finish()
        if not outputs[0].is_stream:
            outputs[0].progress.unlink(missing_ok=True)
    return progress


def _lock(output: Output, locks: ExitStack) -> None:
    try:
        locks.enter_context(only_one(output.lock))
    except BusyError as error:
        raise DataError(f"{output.path} is being written by {error}; wait for it, or name another file") from None


def _go_on(job: Job, predictor: Predictor, outputs: Sequence[Output], progress: Progress, watch: Watch) -> Progress:
    sizes = (progress.output_bytes, progress.errors_bytes)
    with ExitStack() as stack:
        streams = [stack.enter_context(output.growing(size)) for output, size in zip(outputs, sizes, strict=False)]
        for answers, reasons, count, bad in _answered(job, predictor, skip=progress.rows):
            packed = [output.packed(lines) for output, lines in zip(outputs, (answers, reasons), strict=False)]
            for stream, data in zip(streams, packed, strict=True):
                stream.write(data)
                stream.flush()
            progress = progress.model_copy(
                update={
                    "rows": progress.rows + count,
                    "bad": progress.bad + bad,
                    "output_bytes": progress.output_bytes + len(packed[0]),
                    "errors_bytes": progress.errors_bytes + sum(map(len, packed[1:])),
                }
            )
            _write(progress, outputs[0])
            watch(progress)
    return progress


def _write(progress: Progress, output: Output) -> None:
    if not output.is_stream:
        write_json(output.progress, progress.model_dump())


# --- answering --------------------------------------------------------------------------------------------------------

Answered = tuple[bytes, bytes, int, int]
"""Lines for the output, lines for the errors, how many rows these are, and how many of them are bad."""


def _answered(job: Job, predictor: Predictor, *, skip: int) -> Iterator[Answered]:
    windows = _windows(islice(job.rows(), skip, None), stop_at_bad=None if job.errors else job.ended_early)
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


def _windows(rows: Iterator[Row], *, stop_at_bad: str | None) -> _Windows:
    found = _Windows()

    def lists() -> Iterator[list[Row]]:
        window: list[Row] = []
        try:
            for row in rows:
                if stop_at_bad and isinstance(row, Bad):
                    hint = f"--errors FILE sets such rows aside; what comes before is answered, and {stop_at_bad}"
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
            with _interrupted_later():  # the first starts the processes
                waiting.append(pool.submit(_answer_here, window))
            if len(waiting) > 2 * job.workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise ModelError(f"a worker process ended; if memory is short, use --workers 1; {job.ended_early}") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _interrupted_later() -> Iterator[None]:
    """Ctrl-C waits until this ends. Processes that are started here never hear it: before they can say that it is not
    theirs, they import for a second or two."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # which would let it through, were it started within
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
