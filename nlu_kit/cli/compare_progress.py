"""The live view of a grid: one bar over all runs on terminals, a plain line per run elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from tqdm import tqdm

from nlu_kit.cli.output import mention, style, warn
from nlu_kit.comparison.comparison_table import cell_line
from nlu_kit.data.printable import printable
from nlu_kit.experiments.plan import Cell
from nlu_kit.experiments.runner import Watcher

_BAR = "{percentage:3.0f}%|{bar:12}| {n_fmt}/{total_fmt} runs [{elapsed}<{remaining}] {postfix}"


class GridProgress(Watcher):
    """Prints to stdout, where that can be written; the bar goes to stderr, and only where that is a terminal. A
    context, which closes the bar and says what Ctrl-C has left."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.bar: Any = None
        self.total = self.done = self.number = 0

    def __enter__(self) -> GridProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()
        if kind is KeyboardInterrupt and self.total:
            warn(f"{self.done} of {self.total} runs are finished; the same command goes on from there")

    def on_start(self, cells: int, finished: int) -> None:
        self.total, self.done = cells, finished
        if finished and not self.quiet:
            mention(f"{finished} of {cells} runs are finished already")
        if not self.quiet and sys.stderr.isatty() and finished < cells:
            self.bar = tqdm(total=cells, initial=finished, bar_format=_BAR, leave=False, dynamic_ncols=True)

    def on_cell_start(self, cell: Cell) -> None:
        self.number += 1
        if self.bar is not None:
            self.bar.set_postfix_str(printable(f"{cell.label}: starting"))

    def on_epoch(self, cell: Cell, epoch: int, epochs: int, score: float) -> None:
        if self.bar is not None:
            self.bar.set_postfix_str(printable(f"{cell.label}: epoch {epoch}/{epochs} dev {100 * score:.2f}"))

    def on_cell_end(self, cell: Cell, record: dict[str, Any]) -> None:
        self.done += 1
        self._say(f"run {self.done}/{self.total}  {cell.label}: {cell_line(record)}")
        if self.bar is not None:
            self.bar.update()

    def on_cell_failed(self, cell: Cell, error: str) -> None:
        self._say(style(f"failed  {cell.label}: {error}", fg="red"))

    def _say(self, line: str) -> None:
        if self.quiet:
            return
        if self.bar is not None:
            self.bar.clear()
        mention(line)
        if self.bar is not None:
            self.bar.refresh()
