"""One run from pipeline.json to a finished model folder."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed

from nlu_kit.arguments import a_path, strings
from nlu_kit.config.check import load_pipeline
from nlu_kit.config.pipeline import Pipeline
from nlu_kit.data.batch import collate
from nlu_kit.data.dataset import EncodedDataset
from nlu_kit.data.findings import Finding
from nlu_kit.errors import ConfigError, NluKitError, TrainingError
from nlu_kit.files import write_json
from nlu_kit.locking import BusyError, only_one
from nlu_kit.model.folder import PIPELINE, save_model
from nlu_kit.plugin.contracts import Callback
from nlu_kit.plugin.events import RunEnd, RunStart
from nlu_kit.registry import Registry
from nlu_kit.training import listeners
from nlu_kit.training.accelerator import make_accelerator, peak_memory_mb, reset_peak_memory, shared_run_folder
from nlu_kit.training.checkpoint import Checkpoint
from nlu_kit.training.data_checks import data_findings
from nlu_kit.training.finish import Finished, finish
from nlu_kit.training.folders import (
    CHECKPOINTS,
    LOCK,
    MODEL,
    last_unfinished,
    point_latest,
    points,
    refuse_unless_ended,
    sweep,
)
from nlu_kit.training.listeners import Recorder
from nlu_kit.training.prepare import Prepared, prepare
from nlu_kit.training.resumable import Resumable
from nlu_kit.training.resume import Point, Points, compare, fingerprint, newest
from nlu_kit.training.signals import EndedBySignal, Ending, at_the_next_step, held_back
from nlu_kit.training.static import StaticLayers, memory_budget
from nlu_kit.training.trainer import FitResult, Listeners, Trainer
from nlu_kit.training.validation import Validator, dry_run

_SHORT = 120  # characters


def train(
    pipeline: str | Path | Pipeline,
    *,
    overrides: Iterable[str] = (),
    runs: str | Path = "runs",
    callbacks: Iterable[Callback] = (),
    registry: Registry | None = None,
    resume: bool = False,
) -> RunEnd:
    """Train what ``pipeline`` (a file, its folder, or a checked Pipeline) composes, and write the model.

    With ``resume``, go on with the newest run in ``runs`` that waits for it, if it was made with the same pipeline and
    data; else begin. ``overrides`` are ``path=value`` strings as for ``--set``; ``callbacks`` hear of everything on the
    main process. Raises ConfigError, DataError, PluginError or ModelError for what the user can mend, before anything
    is written; TypeError for arguments of another kind, and for overrides or a registry beside a Pipeline, which has
    its own.
    """
    overrides, callbacks, runs = strings("overrides", overrides), listeners.checked(callbacks), a_path("runs", runs)
    if not isinstance(pipeline, Pipeline):
        pipeline = load_pipeline(a_path("pipeline", pipeline), overrides=overrides, registry=registry)
    elif overrides or registry is not None:
        raise TypeError("overrides and registry are for a pipeline file; this Pipeline is resolved already")
    job = _Job.prepare(pipeline)
    waiting = _waiting(job, runs) if resume else None
    run_dir = waiting.folder.parents[1] if waiting else shared_run_folder(job.accelerator, runs, pipeline.name)
    with _locked(job, run_dir):
        if job.accelerator.is_main_process:
            sweep(runs)
            write_json(run_dir / PIPELINE, _rerunnable(job.pipeline, run_dir))
        job.begin(run_dir, callbacks, point=waiting)
        with _nothing_lost(job):
            fitted = job.fit()
            return job.save(fitted, job.finish())


def resume_run(
    run: str | Path,
    *,
    overrides: Iterable[str] = (),
    force: bool = False,
    callbacks: Iterable[Callback] = (),
    registry: Registry | None = None,
) -> RunEnd:
    """Go on with a run that was interrupted, from its last checkpoint. On the same machine with as many threads it ends
    with the same weights, bit by bit, and the same figures as if it had never been interrupted.

    ``overrides`` need ``force``, and may change only what leaves batches, model and losses as they were (such as
    ``training.epochs``). Raises ConfigError for others and for data that has changed; TrainingError where the run has
    no checkpoint, has its model already, or is still going on; else what ``train`` raises.
    """
    run_dir, overrides, callbacks = a_path("run", run), strings("overrides", overrides), listeners.checked(callbacks)
    refuse_unless_ended(run_dir)
    point, damaged = newest(run_dir / CHECKPOINTS)
    pipeline = load_pipeline(run_dir / PIPELINE, overrides=overrides, registry=registry, check_files=True)
    job = _Job.prepare(pipeline)
    said = [*damaged, *compare(point.made_with, job.made_with(run_dir), run=run_dir, force=force)]
    with _locked(job, run_dir):
        if job.accelerator.is_main_process:
            write_json(run_dir / PIPELINE, _rerunnable(job.pipeline, run_dir))  # with what was forced
        job.begin(run_dir, callbacks, point=point, said=said)
        with _nothing_lost(job):
            fitted = job.fit()
            return job.save(fitted, job.finish())


def _waiting(job: _Job, runs: Path) -> Point | None:
    """Where the newest run that waits is to go on; None where there is none, or it was made with something else."""
    try:
        run_dir = last_unfinished(runs)
        point, _ = newest(run_dir / CHECKPOINTS)
        compare(point.made_with, job.made_with(run_dir), run=run_dir, force=False)
    except (TrainingError, ConfigError):
        return None
    return point


def finish_run(run: str | Path, *, callbacks: Sequence[Callback] = (), registry: Registry | None = None) -> RunEnd:
    """Make a model of a run's checkpoint: what ``train`` would have done after training, had it come to that.

    Raises TrainingError where the run has no checkpoint, has its model already, or is still going on; else what
    ``train`` raises.
    """
    run_dir, callbacks = a_path("run", run), listeners.checked(callbacks)
    checkpoint = Checkpoint(run_dir / CHECKPOINTS)
    refuse_unless_ended(run_dir)
    if not checkpoint.exists():
        raise TrainingError(f"{run_dir} has no {checkpoint.file.relative_to(run_dir)}: there is nothing to finish")
    pipeline = load_pipeline(run_dir / PIPELINE, registry=registry, check_files=True)
    job = _Job.prepare(pipeline)
    with _locked(job, run_dir):
        job.begin(run_dir, callbacks)
        with _nothing_lost(job):
            best = job.checkpoint.restore(job.prepared.objective)
            fitted = FitResult(reason="finished from its checkpoint", epochs_run=best.epoch + 1, best=best)
            return job.save(fitted, job.finish())


class _Job:
    """One run: prepare, begin, fit, finish, save."""

    def __init__(self, pipeline: Pipeline, accelerator: Accelerator, precision: str, prepared: Prepared) -> None:
        self.started = time.perf_counter()
        self.pipeline, self.accelerator, self.precision, self.prepared = pipeline, accelerator, precision, prepared

    @classmethod
    def prepare(cls, pipeline: Pipeline) -> _Job:
        """All that can go wrong before anything is written."""
        started = time.perf_counter()
        accelerator, precision = make_accelerator(pipeline.training)
        reset_peak_memory(accelerator.device)
        set_seed(pipeline.training.seed)
        prepared = prepare(pipeline)
        pipeline = prepared.pipeline  # with the heads that the data can teach
        # The weights above are the same in every process; dropout, which follows, must not be.
        set_seed(pipeline.training.seed + accelerator.process_index)
        dry_run(prepared.objective.model, prepared.codecs, prepared.dev, monitor=pipeline.training.monitor)
        job = cls(pipeline, accelerator, precision, prepared)
        job.started = started
        return job

    def made_with(self, run_dir: Path) -> dict[str, Any]:
        """What a resumed run must have, too, and what makes its rounding."""
        prepared, accelerator = self.prepared, self.accelerator
        return {
            "pipeline": _rerunnable(self.pipeline, run_dir),
            "data": {"train": fingerprint(prepared.train), "dev": fingerprint(prepared.dev)},
            "threads": torch.get_num_threads(),
            "device": str(accelerator.device),
            "precision": self.precision,
            "processes": accelerator.num_processes,
            "torch": torch.__version__,
        }

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
            model=prepared.objective.model,
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
            validate=lambda: self.validator.validate(self.prepared.dev),
            static=self.static,
            begun=bool(self.prepared.begun),
            listeners=Listeners(step=self.notify["on_step_end"], epoch=self.notify["on_epoch_end"]),
            resumable=Resumable(points=kept, ending=ending, sizes=self.recorder.sizes, elapsed=self._elapsed),
        )
        start = _run_start(self.pipeline, self.prepared, trainer, self.run_dir, self.precision)
        if self.point is not None:
            start = replace(
                start, resumed=self.point.position.global_step, warnings=[Finding(text) for text in self.said]
            )
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
                    examples=_examples(self.prepared.dev, self.pipeline.training.card_examples),
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
        calibrated, encodings = finished.calibrated, self.prepared.dev.encodings
        try:
            model.cpu()
            what = Exportable(model=model, codecs=calibrated.codecs, scope=calibrated.scope, encodings=encodings)
            export_graph(what, folder)
        except NotExportedError as error:
            return [f"the model predicts with torch only: {error}"]
        finally:
            model.to(device)
        return []


def _examples(dev: EncodedDataset, count: int) -> list[str]:
    """So many of its texts, from all over it; none that is long."""
    short = [example.text for example in dev.examples if len(example.text) <= _SHORT]
    return [short[position * len(short) // count] for position in range(min(count, len(short)))]


@contextmanager
def _locked(job: _Job, run_dir: Path) -> Iterator[None]:
    """So that others can tell a run that goes on from one that died."""
    try:
        with only_one(run_dir / LOCK) if job.accelerator.is_main_process else nullcontext():
            yield
    except BusyError as error:  # whoever looked at the same moment was faster
        raise TrainingError(f"{run_dir} is in training already ({error})") from None


@contextmanager
def _nothing_lost(job: _Job) -> Iterator[None]:
    """What ends a run whose best weights lie in a checkpoint says where they are, and how to make a model of them."""
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        ways = _ways_on(job)
        if not ways:
            job.checkpoint.remove()
            raise
        kept = "; ".join(ways)
        if isinstance(error, KeyboardInterrupt):
            raise EndedBySignal(getattr(error, "number", signal.SIGINT), kept) from error
        reason = str(error) if isinstance(error, NluKitError) else f"{type(error).__name__}: {error}"
        raise TrainingError(f"{reason}\nNothing that was trained is lost: {kept}") from error


def _ways_on(job: _Job) -> list[str]:
    """What can be made of a run that ended too early, with the command."""
    ways = []
    if points(job.run_dir / CHECKPOINTS):
        ways.append(f"go on where it was: nlu-kit train --resume {job.run_dir}")
    if job.checkpoint.exists():
        ways.append(f"make a model of its best weights: nlu-kit train --finish {job.run_dir}")
    return ways


def _run_start(pipeline: Pipeline, prepared: Prepared, trainer: Trainer, run_dir: Path, precision: str) -> RunStart:
    return RunStart(
        run_dir=run_dir,
        name=pipeline.name,
        device=str(trainer.accelerator.device),
        precision=precision,
        processes=trainer.accelerator.num_processes,
        epochs=pipeline.training.epochs,
        steps_per_epoch=trainer.steps_per_epoch,
        examples=prepared.sizes(),
        out_of_scope=prepared.out_of_scope(),
        detector="" if pipeline.detector is None else pipeline.detector.type,
        watched=pipeline.watched or "",
        sampler=dict(prepared.sampler.describe()),
        parameters=trainer.rates.counts(),
        warnings=data_findings(prepared),
    )


def _rerunnable(pipeline: Pipeline, run_dir: Path) -> dict[str, Any]:
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
