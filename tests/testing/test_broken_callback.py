"""Each clause of a callback's contract can fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlu_kit.plugin.contracts import CallbackContext
from nlu_kit.plugin.specs import CallbackSpec


class Good:
    """Writes a line for each epoch into the run's folder."""

    def __init__(self, context: CallbackContext) -> None:
        self.file = context.run_dir / "epochs.txt"
        self.epoch = -1

    def on_run_start(self, event: Any) -> None:
        self.file.write_text(f"{event.name}\n", encoding="utf-8")

    def on_step_end(self, event: Any) -> None:
        pass

    def on_epoch_end(self, event: Any) -> None:
        self.epoch = event.epoch
        with self.file.open("a", encoding="utf-8") as file:
            file.write(f"{event.epoch} {event.score}\n")

    def on_run_end(self, event: Any) -> None:
        pass


class HearsNoSteps(Good):
    on_step_end: Any = None


class FailsInTheSecondEpoch(Good):
    def on_epoch_end(self, event: Any) -> None:
        super().on_epoch_end(event)
        1 / (1 - event.epoch)


class FailsWithoutFigures(Good):
    def on_run_end(self, event: Any) -> None:
        event.dev["exact_match"]


class TakesALoss(Good):
    def on_epoch_end(self, event: Any) -> None:
        super().on_epoch_end(event)
        event.losses.pop("ner")


class WritesWhereItIs(Good):
    def on_epoch_end(self, event: Any) -> None:
        Path("epochs.txt").write_text("here", encoding="utf-8")


BROKEN: dict[str, type[Good]] = {
    "methods": HearsNoSteps,
    "usual-run": FailsInTheSecondEpoch,
    "short-run": FailsWithoutFigures,
    "events-unchanged": TakesALoss,
    "writes-in-its-run": WritesWhereItIs,
}


def spec(params: Any, callback: type[Good]) -> CallbackSpec[Any]:
    return CallbackSpec(name="stub", summary="A stub.", params=params, build=lambda _, context: callback(context))


def test_the_good_one_keeps_it(stub_plugin: Any, violations: Any) -> None:
    before = Path.cwd()
    assert violations(spec(stub_plugin.StubParams, Good)) == {}
    assert Path.cwd() == before


@pytest.mark.parametrize("clause", BROKEN)
def test_a_broken_one_is_found(clause: str, stub_plugin: Any, assert_breaks: Any) -> None:
    assert_breaks(spec(stub_plugin.StubParams, BROKEN[clause]), clause)


def test_the_models_folder_is_not_its_own(stub_plugin: Any, assert_breaks: Any) -> None:
    class AddsToTheModel(Good):
        def on_run_end(self, event: Any) -> None:
            event.model_dir.mkdir(exist_ok=True)
            (event.model_dir / "notes.txt").write_text("mine", encoding="utf-8")

    assert_breaks(spec(stub_plugin.StubParams, AddsToTheModel), "writes-in-its-run")


def test_every_clause_has_a_broken_one(own_clauses: Any) -> None:
    assert set(BROKEN) == own_clauses("callback")
