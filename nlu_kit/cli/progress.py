"""The live view of a training run: a bar on terminals, plain lines elsewhere."""

from __future__ import annotations

import shlex
import sys
import time
from typing import Any

from tqdm import tqdm

from nlu_kit.cli.output import mention, style
from nlu_kit.data.printable import one_line
from nlu_kit.plugin.contracts import Callback
from nlu_kit.plugin.events import EpochEnd, RunEnd, RunStart, StepEnd
from nlu_kit.training.run_lines import epoch_lines, run_end_lines, run_start_lines, warning_lines

_BAR = "{desc} {n_fmt}/{total_fmt}{postfix} |{bar:6}|"


class ProgressCallback(Callback):
    """Prints to stdout, where that can be written: it never ends a training. The bar goes to stderr, and only where
    that is a terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.bar: Any = None
        self.epochs = 0
        self.steps_done = 0
        self.started = 0.0
        self.example = "book a table in Paris"

    def on_run_start(self, event: RunStart) -> None:
        self.epochs = event.epochs
        self.started = time.perf_counter()
        for line in [*([] if self.quiet else run_start_lines(event)), *warning_lines(event)]:
            mention(line)

    def on_step_end(self, event: StepEnd) -> None:
        if self.quiet or not sys.stderr.isatty():
            return
        self.steps_done += 1
        if self.bar is None:
            description = f"epoch {event.epoch + 1}/{self.epochs}"
            self.bar = tqdm(total=event.steps, desc=description, bar_format=_BAR, leave=False, dynamic_ncols=True)
        losses = " ".join(f"{head} {loss:.3f}" for head, loss in event.losses.items())
        rates = "/".join(f"{rate:.1e}" for rate in event.rates.values())
        self.bar.set_postfix_str(f"left {self._time_left(event)} lr {rates} loss {losses}", refresh=False)
        self.bar.update()

    def _time_left(self, event: StepEnd) -> str:
        """For all epochs; early stopping may make it less."""
        total = self.epochs * event.steps
        seconds = (time.perf_counter() - self.started) / self.steps_done * (total - self.steps_done)
        return str(tqdm.format_interval(seconds))

    def on_epoch_end(self, event: EpochEnd) -> None:
        self._close_bar()
        if event.samples:
            self.example = one_line(event.samples[0].prediction.text)
        if self.quiet:
            return
        figures, *samples = epoch_lines(event)
        mention(style(figures, bold=event.improved))
        for line in samples:
            mention(style(line, fg="yellow") if line.lstrip().startswith("≠") else line)

    def on_run_end(self, event: RunEnd) -> None:
        self._close_bar()
        for line in run_end_lines(event):
            mention(line)
        latest = event.run_dir.parent / "latest"
        model = "" if str(latest) == "runs/latest" else f" --model {latest}"
        mention(f"next: nlu-kit predict{model} {shlex.quote(self.example)}")

    def _close_bar(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None


class PretrainingProgress(ProgressCallback):
    """The same, for a run without utterances to show: the command says how it ended."""

    def on_run_end(self, event: RunEnd) -> None:
        self._close_bar()
        mention(
            f"{event.reason} after {event.epochs_run} epochs, {event.seconds:.0f}s; best epoch {event.best_epoch + 1}"
        )
