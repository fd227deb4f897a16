"""What a run shows while it goes on: a line an epoch, at most one a second, and utterances of the best."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

import nlu_kit
from nlu_kit.plugin.events import EpochEnd
from nlu_kit.training import progress as module
from nlu_kit.training.listeners import checked
from nlu_kit.training.progress import Progress, in_notebook
from nlu_kit.training.run_lines import run_end_lines, run_start_lines, sample_lines, warning_lines
from tests.training.test_listeners import END, EPOCH, GOLD, START, STEP, sample


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    return clock


class Lines(Progress):
    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.lines: list[str] = []

    def write(self, line: str, *, strong: bool = False) -> None:
        self.lines.append(line)

    def epochs(self) -> list[str]:
        return [line.split()[1] for line in self.lines if line.startswith("epoch ") and " loss " in line]


def epoch(number: int, *, seconds: float = 0.1, epochs: int = 80, **changes: Any) -> EpochEnd:
    return replace(EPOCH, epoch=number - 1, epochs=epochs, seconds=seconds, **changes)


def run(shown: Progress, clock: Clock, events: list[EpochEnd]) -> None:
    shown.on_run_start(START)
    for event in events:
        clock.now += event.seconds
        shown.on_epoch_end(event)
    shown.on_run_end(END)


SHOWN = sample_lines(sample(GOLD))


def test_short_epochs_have_a_line_a_second_and_only_the_best_shows_utterances(clock: Clock) -> None:
    shown = Lines()
    run(shown, clock, [epoch(number, seconds=0.25, improved=number in (1, 7)) for number in range(1, 12)])
    assert shown.epochs() == ["1/80", "5/80", "9/80", "11/80"], "the first, one a second, and the last"
    assert shown.lines[: len(run_start_lines(START))] == run_start_lines(START)
    best = shown.lines.index("epoch 7, the best, on dev:")
    assert shown.lines[best + 1 :] == [*SHOWN, *run_end_lines(END)]
    assert sum(line == SHOWN[0] for line in shown.lines) == 1


def test_long_epochs_show_all_and_nothing_twice(clock: Clock) -> None:
    shown = Lines()
    run(shown, clock, [epoch(number, seconds=9.0, epochs=3, improved=True) for number in (1, 2, 3)])
    assert shown.epochs() == ["1/3", "2/3", "3/3"]
    assert sum(line == SHOWN[0] for line in shown.lines) == 3
    assert not any("the best, on dev" in line for line in shown.lines)


def test_the_last_epoch_and_notes_have_their_line(clock: Clock) -> None:
    shown = Lines()
    run(shown, clock, [epoch(1, epochs=4), epoch(2, epochs=4, notes=["odd"]), epoch(3, epochs=4), epoch(4, epochs=4)])
    assert shown.epochs() == ["1/4", "2/4", "4/4"]
    assert "    note: odd" in shown.lines


def test_what_waits_when_a_run_is_interrupted_is_shown(clock: Clock) -> None:
    shown = Lines()
    shown.on_run_start(START)
    for number in (1, 2, 3):
        shown.on_epoch_end(epoch(number))
    shown.close()
    shown.close()
    assert shown.epochs() == ["1/80", "3/80"]


def test_a_long_epoch_shows_its_steps_seldom(clock: Clock) -> None:
    shown = Lines()
    shown.on_run_start(START)
    for number in range(1, 11):
        clock.now += 10
        shown.on_step_end(replace(STEP, step=number, steps=10))
    steps = [line for line in shown.lines if "  step " in line]
    assert steps == [
        "epoch 1/20  step 3/10  loss intent 1.5000  |  at most 0:32:50 left",
        "epoch 1/20  step 6/10  loss intent 1.5000  |  at most 0:32:20 left",
        "epoch 1/20  step 9/10  loss intent 1.5000  |  at most 0:31:50 left",
    ]


def test_quiet_shows_warnings_and_the_end(clock: Clock) -> None:
    shown = Lines(quiet=True)
    run(shown, clock, [epoch(1, seconds=40, improved=True)])
    assert shown.lines == [*warning_lines(START), *run_end_lines(END)]


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize("stream", [None, Broken(), io.TextIOWrapper(io.BytesIO(), encoding="ascii")])
def test_no_stream_ends_a_training(stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", stream)
    Progress().write("≠ Tōkyō")
    if isinstance(stream, io.TextIOWrapper):
        assert stream.buffer.getvalue() == b"\\u2260 T\\u014dky\\u014d\n"  # type: ignore[attr-defined]


class ZMQInteractiveShell:
    """By its name, what a kernel of Jupyter has."""


class Shell(ZMQInteractiveShell):
    """As on Colab."""


class TerminalInteractiveShell:
    """What ``ipython`` has."""


@pytest.mark.parametrize(
    ("shell", "notebook"),
    [(ZMQInteractiveShell(), True), (Shell(), True), (TerminalInteractiveShell(), False), (None, False)],
)
def test_notebooks_have_a_progress_by_default(shell: Any, notebook: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert in_notebook() is notebook
    assert [type(callback) for callback in checked([], None)] == [Progress] * notebook
    assert checked([], False) == []
    own = Lines()
    assert checked([own], None) == [own], "not twice"


def test_elsewhere_it_is_there_for_whoever_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not in_notebook()
    assert checked([], None) == []
    assert [type(callback) for callback in checked([], True)] == [nlu_kit.Progress]
