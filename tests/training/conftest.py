"""A callback that listens."""

from __future__ import annotations

from typing import Any

import pytest

from nlu_kit.training.events import EpochEnd, StepEnd


class Listening:
    """A callback that keeps all events and may do something at the end of a step or an epoch."""

    def __init__(self, *, at_step: Any = None, at_epoch: Any = None) -> None:
        self.events: list[Any] = []
        self.at_step, self.at_epoch = at_step, at_epoch

    def on_run_start(self, event: Any) -> None:
        self.events.append(event)

    def on_step_end(self, event: StepEnd) -> None:
        self.events.append(event)
        if self.at_step:
            self.at_step(event)

    def on_epoch_end(self, event: EpochEnd) -> None:
        self.events.append(event)
        if self.at_epoch:
            self.at_epoch(event)

    def on_run_end(self, event: Any) -> None:
        self.events.append(event)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def listen() -> type[Listening]:
    """``listen(at_step=…)``: a callback that keeps all events."""
    return Listening
