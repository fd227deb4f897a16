"""One run from pipeline.json to a finished model folder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, set_seed

from nlu_kit.config.check import load_pipeline
from nlu_kit.config.pipeline import Pipeline
from nlu_kit.model.folder import ModelInfo, save_model
from nlu_kit.model.protocols import Callback
from nlu_kit.registry import Registry
from nlu_kit.specs import CallbackContext
from nlu_kit.training.checkpoint import Checkpoint
from nlu_kit.training.distributed import make_accelerator
from nlu_kit.training.events import EpochEnd, RunEnd, RunStart, StepEnd
from nlu_kit.training.findings import data_findings
from nlu_kit.training.finish import finish
from nlu_kit.training.folders import new_run_folder, point_latest
from nlu_kit.training.memory import peak_memory_mb, reset_peak_memory
from nlu_kit.training.prepare import Prepared, prepare
from nlu_kit.training.recorder import Recorder
from nlu_kit.training.static import StaticLayers, memory_budget
from nlu_kit.training.trainer import Listeners, Trainer
from nlu_kit.training.validation import Validator, rehearse


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Where the run is and what it reached; ``dev`` and ``test`` map ``head.metric`` and ``exact_match`` to [0, 1].

    ``confidence`` has by split what is said of confidences: ``head.ece`` (and ``head.ece_uncalibrated``, both on test
    only, since dev calibrates), ``out_of_scope.recall`` and the like.
    """

    run_dir: Path
    model_dir: Path
    dev: dict[str, float]
    test: dict[str, float]
    confidence: dict[str, dict[str, float]]
    best_epoch: int
    epochs_run: int
    reason: str
    seconds: float


def train(
    pipeline: str | Path | Pipeline,
    *,
    overrides: Sequence[str] = (),
    runs: str | Path = "runs",
    callbacks: Sequence[Callback] = (),
    registry: Registry | None = None,
) -> RunResult:
    """Train what ``pipeline`` (a file, its folder, or a checked Pipeline) composes, and write the model.

    ``overrides`` are ``path=value`` strings as for ``--set``; ``callbacks`` hear of everything on the main process.
    Raises ConfigError, DataError, PluginError or ModelError for what the user can mend, before anything is written.
    """
    if not isinstance(pipeline, Pipeline):
        pipeline = load_pipeline(pipeline, overrides=overrides, registry=registry)
    started = time.perf_counter()
    accelerator, precision = make_accelerator(pipeline.training)
    reset_peak_memory(accelerator.device)
    set_seed(pipeline.training.seed)
    prepared = prepare(pipeline)
    pipeline = prepared.pipeline
    # The weights above are the same in every process; dropout, which follows, must not be.
    set_seed(pipeline.training.seed + accelerator.process_index)
    rehearse(prepared.objective.model, prepared.codecs(), prepared.dev, monitor=pipeline.training.monitor)

    run_dir = _shared_run_folder(accelerator, Path(runs), pipeline.name)
    listeners = _listeners(pipeline, run_dir, callbacks) if accelerator.is_main_process else []
    if accelerator.is_main_process:
        _write_json(run_dir / "pipeline.json", _rerunnable(pipeline, run_dir))
    checkpoint = Checkpoint(run_dir / "checkpoints")
    static = StaticLayers(
        prepared.objective.model.backbone,
        [prepared.train, prepared.dev],
        budget=memory_budget(pipeline.training.static_cache_mb, accelerator.num_processes),
        folder=run_dir / f"static-{accelerator.process_index}",
        processes=accelerator.num_processes,
    )
    validator = Validator(
        accelerator=accelerator,
        model=prepared.objective.model,
        codecs=prepared.codecs,
        batch_size=pipeline.training.batch_size,
        monitor=pipeline.training.monitor,
        samples=pipeline.training.sanity_examples,
        static=static,
    )
    trainer = Trainer(
        config=pipeline.training,
        accelerator=accelerator,
        objective=prepared.objective,
        train=prepared.train,
        sampler=prepared.sampler,
        freezing=prepared.freezing,
        checkpoint=checkpoint,
        validate=lambda: validator.validate(prepared.dev),
        static=static,
        listeners=Listeners(step=_notifier(listeners, "on_step_end"), epoch=_notifier(listeners, "on_epoch_end")),
    )
    _notifier(listeners, "on_run_start")(_run_start(pipeline, prepared, trainer, run_dir, precision))
    try:
        fitted = trainer.fit()
        static.forget_if_changed()  # the best epoch's weights are back
        finished = finish(pipeline, prepared, validator)
    finally:
        static.close()
    model_dir = run_dir / "model"
    seconds = time.perf_counter() - started
    result = RunResult(
        run_dir=run_dir,
        model_dir=model_dir,
        dev=dict(fitted.best.dev),
        test=dict(finished.test),
        confidence={split: dict(figures) for split, figures in finished.confidence.items()},
        best_epoch=fitted.best.epoch,
        epochs_run=fitted.epochs_run,
        reason=finished.reason(fitted.reason),
        seconds=seconds,
    )
    if accelerator.is_main_process:
        info = ModelInfo(
            sizes=prepared.sizes(),
            dev=result.dev,
            test=result.test,
            best_epoch=result.best_epoch,
            precision=precision,
            confidence=result.confidence,
        )
        save_model(
            model_dir,
            pipeline=pipeline,
            model=prepared.objective.model,
            codecs=finished.calibrated.codecs,
            info=info,
            states=finished.calibrated.states,
            scope=finished.calibrated.scope,
        )
        checkpoint.remove()
        point_latest(run_dir)
    accelerator.wait_for_everyone()
    end = RunEnd(
        run_dir=run_dir,
        model_dir=model_dir,
        reason=result.reason,
        epochs_run=fitted.epochs_run,
        best_epoch=fitted.best.epoch,
        dev=result.dev,
        test=result.test,
        confidence=result.confidence,
        notes=finished.notes(fitted.reason),
        seconds=seconds,
        peak_memory_mb=peak_memory_mb(accelerator.device),
    )
    _notifier(listeners, "on_run_end")(end)
    if accelerator.num_processes > 1:
        accelerator.end_training()
    return result


def _shared_run_folder(accelerator: Accelerator, runs: Path, name: str) -> Path:
    """The main process names the folder, the others hear of it."""
    box = [new_run_folder(runs, name) if accelerator.is_main_process else None]
    if accelerator.num_processes > 1:
        broadcast_object_list(box)
    assert box[0] is not None
    return box[0]


def _listeners(pipeline: Pipeline, run_dir: Path, callbacks: Sequence[Callback]) -> list[Callback]:
    context = CallbackContext(run_dir=run_dir)
    built: list[Callback] = [c.provided.spec.build(c.params, context) for c in pipeline.callbacks]  # type: ignore[attr-defined]
    return [Recorder(run_dir), *built, *callbacks]


def _notifier(listeners: Sequence[Callback], method: str) -> Callable[[Any], None]:
    def notify(event: RunStart | StepEnd | EpochEnd | RunEnd) -> None:
        for listener in listeners:
            getattr(listener, method)(event)

    return notify


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
    """The resolved pipeline with its data paths seen from the run's folder, where this copy of it will be."""
    resolved = pipeline.to_json()
    for split in ("train", "dev", "test"):
        if resolved["data"][split]:
            resolved["data"][split] = os.path.relpath(pipeline.path(resolved["data"][split]), run_dir)
    return resolved


def _write_json(file: Path, value: dict[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
