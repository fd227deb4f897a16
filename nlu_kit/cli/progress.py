"""The live view of a training run: a bar on terminals, plain lines elsewhere."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from nlu_kit.cli.output import mention, style
from nlu_kit.data.printable import one_line
from nlu_kit.files import JsonError, read_json
from nlu_kit.model.folder import DESCRIPTION
from nlu_kit.plugin.events import EpochEnd, RunEnd, StepEnd
from nlu_kit.training.progress import Progress

_BAR = "{desc} {n_fmt}/{total_fmt}{postfix} |{bar:6}|"


class ProgressCallback(Progress):
    """Prints to stdout, where that can be written: it never ends a training. The bar goes to stderr, and only where
    that is a terminal."""

    def __init__(self, *, quiet: bool) -> None:
        super().__init__(quiet=quiet)
        self.bar: Any = None

    def write(self, line: str, *, strong: bool = False) -> None:
        self._close_bar()
        differs = line.lstrip().startswith("≠")
        mention(style(line, bold=strong, fg="yellow" if differs else None) if strong or differs else line)

    def on_step_end(self, event: StepEnd) -> None:
        if self.quiet or not sys.stderr.isatty():
            super().on_step_end(event)
            return
        self._steps += 1
        if self.bar is None:
            description = f"epoch {event.epoch + 1}/{self._epochs}"
            self.bar = tqdm(total=event.steps, desc=description, bar_format=_BAR, leave=False, dynamic_ncols=True)
        losses = " ".join(f"{head} {loss:.3f}" for head, loss in event.losses.items())
        rates = "/".join(f"{rate:.1e}" for rate in event.rates.values())
        left = tqdm.format_interval(self.seconds_left(event))
        self.bar.set_postfix_str(f"left {left} lr {rates} loss {losses}", refresh=False)
        self.bar.update()

    def on_epoch_end(self, event: EpochEnd) -> None:
        self._close_bar()
        super().on_epoch_end(event)

    def on_run_end(self, event: RunEnd) -> None:
        super().on_run_end(event)
        latest = event.run_dir.parent / "latest"
        model = "" if str(latest) == "runs/latest" else f" --model {latest}"
        mention(f"next: nlu-kit predict{model} {shlex.quote(one_line(_example(event.model_dir)))}")

    def close(self) -> None:
        self._close_bar()
        super().close()

    def _close_bar(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None


def _example(model: Path) -> str:
    """A text to try it with: one of those that the model carries, if it does."""
    try:
        texts = read_json(model / DESCRIPTION)["examples"]
    except (OSError, JsonError, KeyError):
        texts = []
    return str(texts[0]) if texts else "book a table in Paris"


class PretrainingProgress(ProgressCallback):
    """The same, for a run without utterances to show: the command says how it ended."""

    def on_run_end(self, event: RunEnd) -> None:
        self.close()
        mention(
            f"{event.reason} after {event.epochs_run} epochs, {event.seconds:.0f}s; best epoch {event.best_epoch + 1}"
        )
