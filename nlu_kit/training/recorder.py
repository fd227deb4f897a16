"""What a run leaves on disk beside the model: metrics.jsonl (everything, for machines) and log.txt (for people)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nlu_kit.plugin import events
from nlu_kit.plugin.contracts import Callback
from nlu_kit.training.run_lines import epoch_lines, run_end_lines, run_start_lines, warning_lines


class Recorder(Callback):
    """It appends to two files; each line is flushed, so that a crash loses nothing.

    A file that can't be written ends no run: ``notes`` says so in the end.
    """

    def __init__(self, run_dir: Path) -> None:
        self._failed: dict[Path, str] = {}
        self.metrics_file = run_dir / "metrics.jsonl"
        self.log_file = run_dir / "log.txt"

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

    def notes(self) -> list[str]:
        """What could not be written, and why."""
        return [f"{file.name} is not complete: {reason}" for file, reason in self._failed.items()]
