"""The side of a run that is in a process of its own: it reads its task as JSON on stdin, and tells how it goes on.

A process of its own because peak memory is counted per process, and so that no run sees another's torch. What happens
is told on stdout, one JSON object a line; whatever libraries print goes to stderr.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TextIO

import numpy as np

from nlu_kit.errors import NluKitError
from nlu_kit.files import read_json, write_whole
from nlu_kit.metrics.counts import Counts
from nlu_kit.plugin.contracts import Callback
from nlu_kit.plugin.events import EpochEnd, RunEnd, RunStart, to_json
from nlu_kit.training.runs import recorded_epochs


class Reporter(Callback):
    """Reports each epoch to the process that started this one, and keeps it for the record. ``main`` are the names of
    the figures that tell most."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.epochs: list[dict[str, Any]] = []
        self.facts: dict[str, Any] = {}
        self.main: Sequence[str] = ()

    def send(self, record: dict[str, Any]) -> None:
        print(json.dumps(record, ensure_ascii=False), file=self.stream, flush=True)

    def on_run_start(self, event: RunStart) -> None:
        self.facts = {
            "device": event.device,
            "precision": event.precision,
            "warnings": [str(warning) for warning in event.warnings],
        }
        if event.resumed is not None:
            self.epochs = [_of_epoch(before) for before in recorded_epochs(event.run_dir)]

    def on_epoch_end(self, event: EpochEnd) -> None:
        self.epochs.append(_of_epoch(to_json(event)))
        self.main = event.main
        self.send({"event": "epoch", "epoch": event.epoch + 1, "epochs": event.epochs, "score": event.score})

    def on_run_end(self, event: RunEnd) -> None:
        self.facts["peak_memory_mb"] = event.peak_memory_mb


def _of_epoch(event: Mapping[str, Any]) -> dict[str, Any]:
    """What the record keeps of an epoch."""
    return {"epoch": event["epoch"] + 1, **{name: event[name] for name in ("dev", "losses", "score", "seconds")}}


def _leave(number: int, frame: object) -> NoReturn:
    """End as from an exception, so that what cleans up after itself does."""
    sys.exit(128 + number)


def work(run: Callable[[dict[str, Any], Reporter], None]) -> int:
    """0: the record is written. 2: a mistake that the user can mend, told on stdout as well."""
    task = json.loads(sys.stdin.buffer.read())
    signal.signal(signal.SIGTERM, _leave)
    ours = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    reporter = Reporter(ours)
    try:
        run(task, reporter)
    except NluKitError as error:
        reporter.send({"event": "failed", "error": str(error)})
        return 2
    except BrokenPipeError:  # whoever started this is gone
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


RECORD = "cell.json"
FORMAT = 2


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    write_whole(folder / RECORD, json.dumps({"format": FORMAT, **record}, ensure_ascii=False) + "\n")


def read_record(folder: Path, key: str) -> dict[str, Any] | None:
    """The record in ``folder``; None where there is none of this key and this format, or it is damaged."""
    try:
        record = read_json(folder / RECORD)
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or (record.get("format"), record.get("key")) != (FORMAT, key):
        return None
    return record


def utterances_digest(texts: Sequence[str]) -> str:
    """Tells whether two runs were evaluated on the same utterances in the same order."""
    return hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()


def counts_to_json(counts: Counts) -> dict[str, list[float]]:
    """Both columns, one number for each utterance."""
    return {"numerators": counts.numerators.tolist(), "denominators": counts.denominators.tolist()}


def counts_from_json(stored: Mapping[str, Sequence[float]]) -> Counts:
    """Back from ``counts_to_json``."""
    return Counts(np.asarray(stored["numerators"], np.float64), np.asarray(stored["denominators"], np.float64))
