"""One run from pipeline.json to a finished model folder."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, set_seed

from nlu_kit.config.check import load_pipeline
from nlu_kit.config.nested import build_nested
from nlu_kit.config.pipeline import Pipeline
from nlu_kit.data.corpus import Corpus, read_corpus
from nlu_kit.data.dataset import EncodedDataset, encode_dataset
from nlu_kit.model.build import build_backbone, build_codecs, build_model, build_objective, fit_labels
from nlu_kit.model.folder import ModelInfo, save_model
from nlu_kit.model.protocols import Callback, Freezing, Sampler
from nlu_kit.registry import Registry
from nlu_kit.specs import CallbackContext, Component, FreezingContext, SamplerContext
from nlu_kit.training.checkpoint import Checkpoint
from nlu_kit.training.distributed import make_accelerator
from nlu_kit.training.events import EpochEnd, RunEnd, RunStart, StepEnd
from nlu_kit.training.folders import new_run_folder, point_latest
from nlu_kit.training.memory import peak_memory_mb
from nlu_kit.training.recorder import Recorder
from nlu_kit.training.trainer import Listeners, Trainer
from nlu_kit.training.validation import Validator


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Where the run is and what it reached; ``dev`` and ``test`` map ``head.metric`` and ``exact_match`` to [0, 1]."""

    run_dir: Path
    model_dir: Path
    dev: dict[str, float]
    test: dict[str, float]
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
    set_seed(pipeline.training.seed)
    prepared = _prepare(pipeline)

    run_dir = _shared_run_folder(accelerator, Path(runs), pipeline.name)
    listeners = _listeners(pipeline, run_dir, callbacks) if accelerator.is_main_process else []
    if accelerator.is_main_process:
        _write_json(run_dir / "pipeline.json", pipeline.to_json())
    checkpoint = Checkpoint(run_dir / "checkpoints")
    validator = Validator(
        accelerator=accelerator,
        model=prepared.objective.model,
        codecs=prepared.codecs,
        batch_size=pipeline.training.batch_size,
        monitor=pipeline.training.monitor,
        samples=pipeline.training.sanity_examples,
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
        listeners=Listeners(step=_notifier(listeners, "on_step_end"), epoch=_notifier(listeners, "on_epoch_end")),
    )
    _notifier(listeners, "on_run_start")(_run_start(pipeline, prepared, trainer, run_dir, precision))
    fitted = trainer.fit()
    test = validator.scores(prepared.test)[0] if len(prepared.test) else {}
    model_dir = run_dir / "model"
    seconds = time.perf_counter() - started
    result = RunResult(
        run_dir=run_dir,
        model_dir=model_dir,
        dev=dict(fitted.dev),
        test=test,
        best_epoch=fitted.best_epoch,
        epochs_run=fitted.epochs_run,
        reason=fitted.reason,
        seconds=seconds,
    )
    if accelerator.is_main_process:
        info = ModelInfo(
            sizes=prepared.sizes(), dev=result.dev, test=test, best_epoch=fitted.best_epoch, precision=precision
        )
        save_model(model_dir, pipeline=pipeline, model=prepared.objective.model, codecs=prepared.codecs, info=info)
        checkpoint.remove()
        point_latest(run_dir)
    accelerator.wait_for_everyone()
    end = RunEnd(
        run_dir=run_dir,
        model_dir=model_dir,
        reason=fitted.reason,
        epochs_run=fitted.epochs_run,
        best_epoch=fitted.best_epoch,
        dev=result.dev,
        test=test,
        seconds=seconds,
        peak_memory_mb=peak_memory_mb(),
    )
    _notifier(listeners, "on_run_end")(end)
    if accelerator.num_processes > 1:
        accelerator.end_training()
    return result


@dataclass(frozen=True, slots=True)
class _Prepared:
    """All that a run needs before its first step."""

    corpus: Corpus
    train: EncodedDataset
    dev: EncodedDataset
    test: EncodedDataset
    codecs: dict[str, Any]
    objective: Any
    sampler: Sampler
    freezing: Freezing

    def sizes(self) -> dict[str, int]:
        return {"train": len(self.train), "dev": len(self.dev), "test": len(self.test)}


def _prepare(pipeline: Pipeline) -> _Prepared:
    corpus = read_corpus(pipeline)
    heads = {name: entry.head for name, entry in pipeline.heads.items()}
    labels = fit_labels(pipeline, corpus.train)
    codecs = build_codecs(heads, labels)
    backbone = build_backbone(pipeline.backbone, base_dir=pipeline.base_dir)
    train, dev, test = (
        encode_dataset(examples, backbone.tokenizer, codecs) for examples in (corpus.train, corpus.dev, corpus.test)
    )
    model = build_model(backbone, heads, labels)
    return _Prepared(
        corpus=corpus,
        train=train,
        dev=dev,
        test=test,
        codecs=codecs,
        objective=build_objective(pipeline, model, train, labels),
        sampler=_build_sampler(pipeline, train),
        freezing=_build_freezing(pipeline),
    )


def _build_sampler(pipeline: Pipeline, train: EncodedDataset) -> Sampler:
    context = SamplerContext(
        examples=train.examples,
        lengths=train.lengths,
        batch_size=pipeline.training.batch_size,
        seed=pipeline.training.seed,
        nested=lambda component: nested(component),
    )

    def nested(component: Component) -> Sampler:
        built: Sampler = build_nested(pipeline.registry, "sampler", component, context)
        return built

    sampler: Sampler = pipeline.sampler.provided.spec.build(pipeline.sampler.params, context)  # type: ignore[attr-defined]
    return sampler


def _build_freezing(pipeline: Pipeline) -> Freezing:
    context = FreezingContext(epochs=pipeline.training.epochs, nested=lambda component: nested(component))

    def nested(component: Component) -> Freezing:
        built: Freezing = build_nested(pipeline.registry, "freezing", component, context)
        return built

    freezing: Freezing = pipeline.freezing.provided.spec.build(pipeline.freezing.params, context)  # type: ignore[attr-defined]
    return freezing


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


def _run_start(pipeline: Pipeline, prepared: _Prepared, trainer: Trainer, run_dir: Path, precision: str) -> RunStart:
    return RunStart(
        run_dir=run_dir,
        name=pipeline.name,
        device=str(trainer.accelerator.device),
        precision=precision,
        processes=trainer.accelerator.num_processes,
        epochs=pipeline.training.epochs,
        steps_per_epoch=trainer.steps_per_epoch,
        examples=prepared.sizes(),
        sampler=dict(prepared.sampler.describe()),
        parameters=trainer.rates.counts(),
        warnings=_warnings(prepared),
    )


def _warnings(prepared: _Prepared) -> list[str]:
    """What the data loses on its way to the model: said once, never silently."""
    found = []
    if prepared.corpus.dev_from_train:
        found.append(f"no data.dev: {len(prepared.dev)} examples were split off train for early stopping")
    for split in ("train", "dev", "test"):
        dataset: EncodedDataset = getattr(prepared, split)
        if dataset.truncated:
            found.append(f"{split}: {dataset.truncated} texts are longer than the encoder reads and are cut off")
        for head, count in dataset.lost.items():
            if count:
                found.append(f"{split}: {count} annotations of '{head}' are cut off, or start or end inside a word")
    return found


def _write_json(file: Path, value: dict[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
