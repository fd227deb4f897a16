"""Who hears of a run: the recorder, the callbacks that its pipeline names, those of whoever called."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nlu_kit.config.pipeline import Resolved
from nlu_kit.plugin import events
from nlu_kit.plugin.contracts import Callback, CallbackContext
from nlu_kit.training.folders import LOG, METRICS
from nlu_kit.training.progress import Progress, in_notebook
from nlu_kit.training.run_lines import epoch_lines, run_end_lines, run_start_lines, warning_lines

HEARD = ("on_run_start", "on_step_end", "on_epoch_end", "on_run_end")


def checked(callbacks: Iterable[Callback], progress: bool | None = False) -> list[Callback]:
    """Those, and one that shows the run's ``progress``, unless one of them does: None means in notebooks. Raises
    TypeError for what can't hear of a run, before the run."""
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks must be a list of callbacks, got {type(callbacks).__name__}")
    listening = list(callbacks)
    for callback in listening:
        missing = [name for name in HEARD if not callable(getattr(callback, name, None))]
        if missing or isinstance(callback, type):
            what = f"has no {', '.join(missing)}" if missing else "is a class, not an object of it"
            raise TypeError(f"callbacks: {callback!r} {what}")
    shown = in_notebook() if progress is None else progress
    if shown and not any(isinstance(callback, Progress) for callback in listening):
        listening.append(Progress())
    return listening


def all_listeners(named: Sequence[Resolved], recorder: Recorder, callbacks: Sequence[Callback]) -> list[Callback]:
    """In the order in which they hear: what is recorded is on disk before anybody else can fail."""
    context = CallbackContext(run_dir=recorder.log_file.parent)
    built: list[Callback] = [callback.make(context) for callback in named]
    return [recorder, *built, *callbacks]


def notifiers(listeners: Sequence[Callback]) -> dict[str, Callable[[Any], None]]:
    """By the name of the method: what to call with an event for each of them to hear it."""

    def notify(method: str, event: Any) -> None:
        for listener in listeners:
            getattr(listener, method)(event)

    return {method: partial(notify, method) for method in HEARD}


class Recorder(Callback):
    """It appends to two files; each line is flushed, so that a crash loses nothing.

    A file that can't be written ends no run: ``notes`` says so in the end.
    """

    def __init__(self, run_dir: Path) -> None:
        self._failed: dict[Path, str] = {}
        self.metrics_file = run_dir / METRICS
        self.log_file = run_dir / LOG

    def on_run_start(self, event: events.RunStart) -> None:
        self._record(events.to_json(event))
        self._log(run_start_lines(event) + warning_lines(event, everything=True))

    def on_step_end(self, event: events.StepEnd) -> None:
        self._record(events.to_json(event))

    def on_epoch_end(self, event: events.EpochEnd) -> None:
        self._record(events.to_json(event))
        self._log(epoch_lines(event))

    def on_run_end(self, event: events.RunEnd) -> None:
        self._record(events.to_json(event))
        self._log(run_end_lines(event))

    def _record(self, record: dict[str, Any]) -> None:
        self._append(self.metrics_file, json.dumps(record, ensure_ascii=False) + "\n")

    def _log(self, lines: list[str]) -> None:
        self._append(self.log_file, "".join(f"{line}\n" for line in lines))

    def _append(self, file: Path, text: str) -> None:
        try:
            with file.open("a", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(text)
        except OSError as error:
            self._failed.setdefault(file, error.strerror or str(error))

    def sizes(self) -> dict[str, int]:
        """Of both files, in bytes."""
        return {file.name: file.stat().st_size for file in (self.metrics_file, self.log_file) if file.is_file()}

    def cut(self, sizes: Mapping[str, int]) -> None:
        """Forget what was written since the files had these sizes: the run goes back to that moment."""
        for file in (self.metrics_file, self.log_file):
            if file.is_file() and file.stat().st_size > sizes.get(file.name, 0):
                os.truncate(file, sizes.get(file.name, 0))

    def notes(self) -> list[str]:
        """What could not be written, and why."""
        return [f"{file.name} is not complete: {reason}" for file, reason in self._failed.items()]
