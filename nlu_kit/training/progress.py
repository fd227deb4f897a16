"""A run's progress as lines of text: for notebooks, scripts and, with colours and a bar, the command line."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import timedelta
from time import monotonic
from typing import Any

from nlu_kit.plugin.contracts import Callback
from nlu_kit.plugin.events import EpochEnd, RunEnd, RunStart, StepEnd
from nlu_kit.training.run_lines import epoch_figures, epoch_samples, run_end_lines, run_start_lines, warning_lines

_OFTEN = 1.0  # seconds: an epoch that ends sooner after a line has none
_LONG = 2.0  # seconds: an epoch that takes less shows no utterances; those of the best one come in the end
_SILENCE = 30.0  # seconds until a step is shown, for epochs that take long


class Progress(Callback):
    """Shows on stdout how a run goes on: where it runs, a line an epoch (at most one a second, but always the first and
    the last), a few dev utterances beside their gold annotation, and how it ends. ``quiet``: only warnings and the end.

    A callback for ``nlu_kit.train`` and ``nlu_kit.pretrain``, which in notebooks have one by themselves::

        nlu_kit.train("pipeline.json", callbacks=[nlu_kit.Progress()])

    Whoever wants the lines elsewhere overrides ``write``. What can't be written is dropped: it ends no training.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._epochs = self._steps = 0
        self._started = self._written = monotonic()
        self._waiting: EpochEnd | None = None  # the last epoch, where it has no line yet
        self._best: EpochEnd | None = None  # the epoch to keep, where its utterances are not shown yet

    def write(self, line: str, *, strong: bool = False) -> None:
        """Show a line; ``strong``: it says what is best so far."""
        stream = sys.stdout
        if stream is None:
            return
        encoding = getattr(stream, "encoding", None) or "utf-8"  # which may lack a character
        with suppress(OSError, ValueError):
            stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
            stream.flush()

    def on_run_start(self, event: RunStart) -> None:
        self._epochs, self._steps, self._started = event.epochs, 0, monotonic()
        self._waiting = self._best = None
        for line in [*([] if self.quiet else run_start_lines(event)), *warning_lines(event)]:
            self.write(line)
        self._written = float("-inf")  # the first epoch has its line, however soon it ends

    def on_step_end(self, event: StepEnd) -> None:
        self._steps += 1
        if self.quiet or monotonic() - max(self._written, self._started) < _SILENCE:
            return
        self._written = monotonic()
        losses = " ".join(f"{head} {loss:.4f}" for head, loss in event.losses.items())
        place = f"epoch {event.epoch + 1}/{self._epochs}  step {event.step}/{event.steps}"
        self.write(f"{place}  loss {losses}  |  at most {timedelta(seconds=round(self.seconds_left(event)))} left")

    def seconds_left(self, event: StepEnd) -> float:
        """For all epochs; early stopping may make it less."""
        left = (self._epochs - event.epoch) * event.steps - event.step
        return (monotonic() - self._started) / self._steps * left

    def on_epoch_end(self, event: EpochEnd) -> None:
        if self.quiet:
            return
        due = monotonic() - self._written >= _OFTEN
        if due or event.notes or event.epoch + 1 == event.epochs:
            self._show(event)
        else:
            self._waiting = event
        if event.improved or not event.selects:
            self._best = event
        if event.seconds >= _LONG:
            self._show_samples(event)

    def on_run_end(self, event: RunEnd) -> None:
        self.close()
        for line in run_end_lines(event):
            self.write(line)

    def close(self) -> None:
        """Show what has waited; ``on_run_end`` does it too."""
        if self._waiting is not None:
            self._show(self._waiting)
        if self._best is not None and self._best.samples:
            which = "the best" if self._best.selects else "the last"
            self.write(f"epoch {self._best.epoch + 1}, {which}, on dev:")
            self._show_samples(self._best)

    def _show(self, event: EpochEnd) -> None:
        self._waiting, self._written = None, monotonic()
        figures, *notes = epoch_figures(event)
        self.write(figures, strong=event.improved and event.selects)
        for line in notes:
            self.write(line)

    def _show_samples(self, event: EpochEnd) -> None:
        if event is self._best:
            self._best = None
        for line in epoch_samples(event):
            self.write(line)


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook. IPython is not imported for that: in a kernel, it is already."""
    get_shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = get_shell() if callable(get_shell) else None
    return any(cls.__name__ == "ZMQInteractiveShell" for cls in type(shell).__mro__)
