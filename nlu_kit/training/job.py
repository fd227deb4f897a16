"""One run, in steps: prepare, begin, fit, finish, save."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import set_seed

from nlu_kit.config.pipeline import Pipeline
from nlu_kit.data.batch import collate
from nlu_kit.data.dataset import EncodedDataset
from nlu_kit.data.findings import Finding
from nlu_kit.model.folder import save_model
from nlu_kit.plugin.contracts import Callback
from nlu_kit.plugin.events import RunEnd, RunStart
from nlu_kit.training import listeners
from nlu_kit.training.accelerator import make_accelerator, peak_memory_mb, reset_peak_memory
from nlu_kit.training.checkpoint import Checkpoint
from nlu_kit.training.data_checks import data_findings
from nlu_kit.training.duration import epochs_of
from nlu_kit.training.finish import Finished, finish
from nlu_kit.training.folders import (
    CHECKPOINTS,
    MODEL,
    point_latest,
)
from nlu_kit.training.listeners import Recorder
from nlu_kit.training.made_with import MadeWith, fingerprint
from nlu_kit.training.prepare import Prepared, prepare
from nlu_kit.training.resumable import Resumable
from nlu_kit.training.resume import Point, Points
from nlu_kit.training.signals import Ending, at_the_next_step, held_back
from nlu_kit.training.static import StaticLayers, memory_budget
from nlu_kit.training.trainer import FitResult, Listeners, Trainer
from nlu_kit.training.validation import Validator, dry_run

_SHORT = 120  # characters
_COMPARED = 1_000  # texts


class Job:
    """One run: prepare, begin, fit, finish, save."""

    def __init__(self, pipeline: Pipeline, accelerator: Accelerator, precision: str, prepared: Prepared) -> None:
        self.started = time.perf_counter()
        self.pipeline, self.accelerator, self.precision, self.prepared = pipeline, accelerator, precision, prepared

    @classmethod
    def prepare(cls, pipeline: Pipeline) -> Job:
        """All that can go wrong before anything is written."""
        started = time.perf_counter()
        accelerator, precision = make_accelerator(pipeline.training)
        reset_peak_memory(accelerator.device)
        set_seed(pipeline.training.seed)
        prepared = prepare(pipeline)
        pipeline = prepared.pipeline  # with the heads that the data can teach
        # The weights above are the same in every process; dropout, which follows, must not be.
        set_seed(pipeline.training.seed + accelerator.process_index)
        dry_run(prepared.objective.model, prepared.codecs, prepared.shown, monitor=pipeline.training.monitor)
        job = cls(pipeline, accelerator, precision, prepared)
        job.started = started
        return job

    def made_with(self, run_dir: Path) -> MadeWith:
        """What a resumed run must have, too."""
        return MadeWith.here(
            pipeline=rerunnable(self.pipeline, run_dir),
            data={"train": fingerprint(self.prepared.train), "dev": fingerprint(self.prepared.dev)},
            components=self.pipeline.components(),
            accelerator=self.accelerator,
            precision=self.precision,
        )

    def begin(
        self, run_dir: Path, callbacks: Sequence[Callback], *, point: Point | None = None, said: Sequence[str] = ()
    ) -> None:
        """What belongs to the run's folder. ``point`` is where it goes on, and ``said`` what is different now."""
        self.point, self.said = point, said
        self.before = 0.0 if point is None else point.position.elapsed
        pipeline, accelerator, prepared = self.pipeline, self.accelerator, self.prepared
        self.run_dir = run_dir
        self.recorder = Recorder(run_dir)
        if point is not None and accelerator.is_main_process:
            self.recorder.cut(point.position.sizes)
        heard = listeners.all_listeners(pipeline.callbacks, self.recorder, callbacks)
        self.notify = listeners.notifiers(heard if accelerator.is_main_process else [])
        labels = {name: codec.labels.names for name, codec in prepared.codecs.items()}
        self.checkpoint = Checkpoint(run_dir / CHECKPOINTS, labels)
        self.static = StaticLayers(
            prepared.objective.model.backbone,
            [prepared.train, prepared.dev],
            budget=memory_budget(pipeline.training.static_cache_mb, accelerator.num_processes),
            file=run_dir / f".static-{accelerator.process_index}",
            processes=accelerator.num_processes,
        )
        self.validator = Validator(
            accelerator=accelerator,
            objective=prepared.objective,
            codecs=prepared.codecs,
            batch_size=pipeline.training.batch_size,
            monitor=pipeline.training.monitor,
            samples=pipeline.training.sanity_examples,
            validated=0 if point is None else point.position.epoch + bool(prepared.begun),
            static=self.static,
            correction=prepared.correction,
        )

    def fit(self) -> FitResult:
        """Train; the objective ends with its best weights."""
        with at_the_next_step() as ending:
            return self._fit(ending)

    def _fit(self, ending: Ending) -> FitResult:
        training = self.pipeline.training
        kept = Points(
            self.run_dir / CHECKPOINTS,
            self.made_with(self.run_dir),
            minutes=training.checkpoint_minutes,
            keep=training.checkpoints,
        )
        trainer = Trainer(
            config=self.pipeline.training,
            epochs=epochs_of(self.pipeline),
            accelerator=self.accelerator,
            objective=self.prepared.objective,
            collate=partial(
                collate,
                self.prepared.train,
                pad_id=self.prepared.objective.model.backbone.pad_id,
                device=self.accelerator.device,
            ),
            fgm=self.pipeline.training.fgm,
            sampler=self.prepared.sampler,
            freezing=self.prepared.freezing,
            checkpoint=self.checkpoint,
            validate=(lambda: self.validator.validate(self.prepared.dev)) if len(self.prepared.dev) else None,
            static=self.static,
            begun=bool(self.prepared.begun),
            selects=self.prepared.selects,
            listeners=Listeners(step=self.notify["on_step_end"], epoch=self.notify["on_epoch_end"]),
            resumable=Resumable(points=kept, ending=ending, sizes=self.recorder.sizes, elapsed=self._elapsed),
        )
        start = _run_start(self.pipeline, self.prepared, trainer, self.run_dir, self.precision)
        if self.point is not None:
            start = replace(start, resumed=self.point.position.global_step, warnings=[])
        start = replace(start, warnings=[*map(Finding, self.said), *start.warnings])
        self.notify["on_run_start"](start)
        try:
            return trainer.fit(self.point)
        except BaseException:
            self.static.close()
            raise

    def _elapsed(self) -> float:
        """Seconds since the run began, without the time that it lay still."""
        return self.before + time.perf_counter() - self.started

    def finish(self) -> Finished:
        """Calibrate, teach the detector, test: all with the best epoch's weights, which are back."""
        try:
            self.static.forget_if_changed()
            return finish(self.pipeline, self.prepared, self.validator)
        finally:
            self.static.close()

    def save(self, fitted: FitResult, finished: Finished) -> RunEnd:
        """The model folder; then the checkpoint, which holds the same weights, can go. Says how the run ended."""
        result = RunEnd(
            run_dir=self.run_dir,
            model_dir=self.run_dir / MODEL,
            reason=finished.reason(fitted.reason),
            epochs_run=fitted.epochs_run,
            best_epoch=fitted.best.epoch,
            dev=dict(fitted.best.dev),
            test=dict(finished.test),
            seconds=self._elapsed(),
            peak_memory_mb=peak_memory_mb(self.accelerator.device),
            precision=self.precision,
            sizes=self.prepared.sizes(),
            confidence={split: dict(figures) for split, figures in finished.confidence.items()},
            notes=[*finished.notes(fitted.reason), *self.recorder.notes()],
            selects=self.prepared.selects,
        )
        notes: list[str] = []
        if self.accelerator.is_main_process:
            with held_back():
                save_model(
                    result.model_dir,
                    pipeline=self.pipeline,
                    model=self.prepared.objective.model,
                    codecs=finished.calibrated.codecs,
                    result=result,
                    states=finished.calibrated.states,
                    scope=finished.calibrated.scope,
                    examples=_examples(self.prepared.shown, self.pipeline.training.card_examples),
                    add=lambda folder: notes.extend(self._export(finished, folder)),
                )
                self.checkpoint.remove()
                point_latest(self.run_dir)
        result = replace(result, notes=[*result.notes, *notes])
        self.accelerator.wait_for_everyone()
        self.notify["on_run_end"](result)
        if self.accelerator.num_processes > 1:
            self.accelerator.end_training()
        return result

    def _export(self, finished: Finished, folder: Path) -> list[str]:
        """Add the graph, where that is wanted and possible; a trained model is worth keeping without one. What there is
        to say."""
        if not self.pipeline.training.export or finished.missing:
            return []
        from nlu_kit.runtime.export import export_graph
        from nlu_kit.runtime.parity import Exportable, NotExportedError

        model = self.prepared.objective.model
        device = self.accelerator.device
        calibrated, encodings = finished.calibrated, self.prepared.shown.encodings[:_COMPARED]
        try:
            model.cpu()
            what = Exportable(model=model, codecs=calibrated.codecs, scope=calibrated.scope, encodings=encodings)
            export_graph(what, folder)
        except NotExportedError as error:
            return [f"the model predicts with torch only: {error}"]
        finally:
            model.to(device)
        return []


def _examples(dataset: EncodedDataset, count: int) -> list[str]:
    """So many of its texts, from all over it; none that is long."""
    short = [example.text for example in dataset.examples if len(example.text) <= _SHORT]
    return [short[position * len(short) // count] for position in range(min(count, len(short)))]


def _run_start(pipeline: Pipeline, prepared: Prepared, trainer: Trainer, run_dir: Path, precision: str) -> RunStart:
    return RunStart(
        run_dir=run_dir,
        name=pipeline.name,
        device=str(trainer.accelerator.device),
        precision=precision,
        processes=trainer.accelerator.num_processes,
        epochs=epochs_of(pipeline),
        steps_per_epoch=trainer.steps_per_epoch,
        examples=prepared.sizes(),
        out_of_scope=prepared.out_of_scope(),
        detector="" if pipeline.detector is None else pipeline.detector.type,
        watched=pipeline.watched or "",
        sampler=dict(prepared.sampler.describe()),
        parameters=trainer.rates.counts(),
        warnings=data_findings(prepared),
        selects=prepared.selects,
    )


def rerunnable(pipeline: Pipeline, run_dir: Path) -> dict[str, Any]:
    """The resolved pipeline as its copy in the run's folder has it: paths start where they did. Those of data and
    teacher become relative, so that all may move together."""
    resolved, base_dir = pipeline.to_json(), pipeline.base_dir
    for split in ("train", "dev", "test"):
        if resolved["data"][split]:
            resolved["data"][split] = os.path.relpath(pipeline.path(resolved["data"][split]), base_dir)
    if teacher := resolved["training"]["teacher"]:
        teacher["model"] = os.path.relpath(pipeline.path(teacher["model"]), base_dir)
        teacher["unlabelled"] = [os.path.relpath(pipeline.path(path), base_dir) for path in teacher["unlabelled"]]
    return {"base": os.path.relpath(base_dir, run_dir), **resolved}
