"""The contract of a callback. No torch."""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from nlu_kit.data.findings import Finding
from nlu_kit.data.prediction import EntityPrediction, LabelPrediction, Prediction
from nlu_kit.plugin.contracts import Callback, CallbackContext
from nlu_kit.plugin.events import EpochEnd, RunEnd, RunStart, Sample, StepEnd
from nlu_kit.testing.clauses import clause
from nlu_kit.testing.trial import ComponentContract

METHODS = {
    RunStart: "on_run_start",
    StepEnd: "on_step_end",
    EpochEnd: "on_epoch_end",
    RunEnd: "on_run_end",
}
Event = RunStart | StepEnd | EpochEnd | RunEnd


def usual_run(run_dir: Path, *, epochs: int = 2, steps: int = 3) -> list[Event]:
    """What a run of so many epochs tells."""
    return [
        _start(run_dir, epochs, steps),
        *(event for epoch in range(epochs) for event in _epoch(epoch, epochs, steps)),
        _end(run_dir, reason="finished", epochs=epochs),
    ]


def short_runs(run_dir: Path) -> dict[str, list[Event]]:
    """Runs that end early, or have next to nothing to tell."""
    start = _start(run_dir, 5, 3)
    return {
        "a run that ends at once": [start, _end(run_dir, reason="interrupted", epochs=0)],
        "a run that dies after its start": [start],
        "a run that is interrupted in an epoch": [start, *_epoch(0, 5, 3), _step(1, 1, 3), _end(run_dir, epochs=1)],
    }


def _start(run_dir: Path, epochs: int, steps: int) -> RunStart:
    return RunStart(
        run_dir=run_dir,
        name="trial",
        device="cpu",
        precision="fp32",
        processes=1,
        epochs=epochs,
        steps_per_epoch=steps,
        examples={"train": 27, "dev": 9},
        sampler={"entity_share": 0.5},
        parameters={"total": 1000, "trainable": 10},
        warnings=[Finding("3 texts are cut off", ["train.jsonl:7", "train.jsonl:9"])],
    )


def _step(epoch: int, step: int, steps: int) -> StepEnd:
    losses = {"intent": 1.5 / (epoch + step), "ner": 0.5}
    return StepEnd(
        epoch=epoch,
        step=step,
        steps=steps,
        losses=losses,
        total=sum(losses.values()),
        rates={"backbone": 0.0, "heads": 1e-3},
    )


def _epoch(epoch: int, epochs: int, steps: int) -> list[Event]:
    entity = EntityPrediction(start=16, end=21, text="Paris", label="city", confidence=0.8)
    fields = {"intent": LabelPrediction(name="book_table", confidence=0.9), "entities": (entity,)}
    prediction = Prediction(text="book a table in Paris", truncated=False, fields=fields)
    end = EpochEnd(
        epoch=epoch,
        epochs=epochs,
        losses={"intent": 1.2, "ner": 0.5},
        dev={"intent.accuracy": 0.5, "intent.macro_f1": 0.4, "ner.f1": 0.0, "exact_match": 0.3},
        main=["intent.accuracy", "ner.f1", "exact_match"],
        score=0.3,
        best_score=0.3,
        best_epoch=0,
        improved=epoch == 0,
        patience_left=2,
        seconds=0.5,
        examples_per_second=100.0,
        rates={"backbone": 0.0, "heads": 1e-3},
        samples=[Sample(gold=fields, prediction=prediction)],
        notes=["the lowest 2 of 3 backbone layers are static"],
    )
    return [*(_step(epoch, step, steps) for step in range(1, steps + 1)), end]


def _end(run_dir: Path, *, reason: str = "interrupted", epochs: int) -> RunEnd:
    return RunEnd(
        run_dir=run_dir,
        model_dir=run_dir / "model",
        reason=reason,
        epochs_run=epochs,
        best_epoch=0,
        dev={"intent.accuracy": 0.5, "exact_match": 0.3} if epochs else {},
        test={},
        seconds=1.5,
        peak_memory_mb=100.0,
    )


class CallbackContract(ComponentContract):
    """The clauses of a callback."""

    kind = "callback"

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A new working directory, for what a callback writes there; a run's folder is `runs/trial` in it."""
        before = Path.cwd()
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary).resolve()
            (folder / "runs" / "trial").mkdir(parents=True)
            os.chdir(folder)
            try:
                yield folder
            finally:
                os.chdir(before)

    def build(self, run_dir: Path) -> Callback:
        built: Callback = self.spec.build(self.params, CallbackContext(run_dir=run_dir))
        return built

    def tell(self, callback: Callback, events: Sequence[Event]) -> None:
        """Tell it these events, one after the other; a method that it lacks is for `methods` to say."""
        for event in events:
            method = getattr(callback, METHODS[type(event)], None)
            if callable(method):
                method(event)

    # --- clauses ------------------------------------------------------------------------------------------------------

    @clause
    def methods(self) -> None:
        """It has all four methods: `on_run_start`, `on_step_end`, `on_epoch_end` and `on_run_end`."""
        with self.folder() as folder:
            callback = self.build(folder / "runs" / "trial")
        missing = [name for name in METHODS.values() if not callable(getattr(callback, name, None))]
        self.require(not missing, f"it lacks {', '.join(missing)}")

    @clause
    def usual_run(self) -> None:
        """It hears of a run from its start to its end and raises nothing, and so does another one of a second run in
        the same process."""
        with self.folder() as folder:
            for name in ("trial", "second"):
                run_dir = folder / "runs" / name
                run_dir.mkdir(exist_ok=True)
                self.tell(self.build(run_dir), usual_run(run_dir))

    @clause
    def short_run(self) -> None:
        """It raises nothing either where a run ends at once, without an epoch, a step or a figure, or is
        interrupted."""
        with self.folder() as folder:
            run_dir = folder / "runs" / "trial"
            for what, events in short_runs(run_dir).items():
                try:
                    self.tell(self.build(run_dir), events)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is what the clause is about
                    self.require(False, f"{what}: {type(error).__name__}: {error}")

    @clause
    def events_unchanged(self) -> None:
        """It leaves the events as they are: others hear of them after it."""
        with self.folder() as folder:
            run_dir = folder / "runs" / "trial"
            events = usual_run(run_dir)
            kept: list[Any] = copy.deepcopy(events)
            with suppress(Exception):  # what it raises is for `usual_run` to say
                self.tell(self.build(run_dir), events)
        for event, before in zip(events, kept, strict=True):
            self.require(event == before, f"a {type(event).__name__} is changed")

    @clause
    def writes_in_its_run(self) -> None:
        """It writes below the run's folder only: neither beside it nor where the command was started, and leaves the
        model's folder alone, whose files are under a manifest."""
        with self.folder() as folder:
            run_dir = folder / "runs" / "trial"
            with suppress(Exception):  # as above
                self.tell(self.build(run_dir), usual_run(run_dir))
            found = [path.relative_to(folder) for path in sorted(folder.rglob("*"))]
        expected, model = Path("runs", "trial"), Path("runs", "trial", "model")
        outside = [path for path in found if expected not in path.parents and path not in (expected, expected.parent)]
        self.require(not outside, f"it writes {', '.join(map(str, outside))}")
        inside = [path for path in found if model == path or model in path.parents]
        self.require(not inside, f"it writes {', '.join(map(str, inside))}")
