"""One run from pretrain.json to a folder with an encoder."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import set_seed

from nlu_kit.arguments import a_path, strings
from nlu_kit.config.components import build_nested
from nlu_kit.config.pretraining import FILE, PretrainingPlan, load_pretraining
from nlu_kit.corpus.read import read_any
from nlu_kit.errors import DataError, PluginError, TrainingError
from nlu_kit.files import replacing, write_json
from nlu_kit.locking import only_one
from nlu_kit.model.build import build_backbone, model_layers
from nlu_kit.model.folder import open_model
from nlu_kit.plugin.contracts import BackboneContext, Callback, Freezing
from nlu_kit.plugin.events import RunEnd, RunStart
from nlu_kit.plugin.modules import Backbone, PretrainingObjective
from nlu_kit.plugin.objectives import DataReport, ObjectiveContext, Split
from nlu_kit.pretraining.module import Collator, Pretraining, Rounds
from nlu_kit.registry import Registry
from nlu_kit.training import listeners
from nlu_kit.training.accelerator import make_accelerator, peak_memory_mb, reset_peak_memory, shared_run_folder
from nlu_kit.training.checkpoint import Checkpoint
from nlu_kit.training.folders import LOCK
from nlu_kit.training.listeners import Recorder
from nlu_kit.training.prepare import build_freezing
from nlu_kit.training.signals import held_back
from nlu_kit.training.static import StaticLayers
from nlu_kit.training.trainer import FitResult, Listeners, Trainer, Validation

ENCODER, CHECKPOINTS, REPORT, LATEST = "encoder", "checkpoints", "report.json", "latest-encoder"
Figures = Mapping[str, float]
"""By ``objective.metric``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretrained:
    """``encoder`` is the folder; ``before`` and ``after`` hold each split's figures; ``unscaled`` names those that are
    no shares."""

    encoder: Path
    reason: str
    best_epoch: int
    before: Mapping[str, Figures]
    after: Mapping[str, Figures]
    unscaled: frozenset[str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Prepared:
    """What there is before the first step: the encoder with its objectives, which have read their data."""

    backbone: Backbone
    objectives: Mapping[str, PretrainingObjective]

    def reports(self) -> dict[str, DataReport]:
        """What each objective's data became."""
        return {name: objective.report() for name, objective in self.objectives.items()}


def prepare(plan: PretrainingPlan) -> Prepared:
    """Build the encoder and the objectives, which read their data. Raises DataError, ConfigError, PluginError or
    ModelError; writes nothing."""
    backbone = build_backbone(plan.backbone, base_dir=plan.base_dir)
    if type(backbone).save_pretrained is Backbone.save_pretrained:
        raise PluginError(f"the backbone '{plan.backbone.type}' can't be pre-trained: it has no save_pretrained()")
    objectives = {name: _objective(name, plan, backbone) for name in plan.objectives}
    for name, objective in objectives.items():
        if not len(objective):
            raise DataError(f"the objective '{name}' has nothing to learn from; see: nlu-kit pretrain --inspect")
    return Prepared(backbone, objectives)


def pretrain(
    plan: str | Path | PretrainingPlan,
    *,
    overrides: Iterable[str] = (),
    runs: str | Path = "runs",
    callbacks: Iterable[Callback] = (),
    registry: Registry | None = None,
) -> Pretrained:
    """Teach the encoder that ``plan`` (a file, its folder, or a checked plan) names, and write it.

    Each epoch is validated on what the objectives hold out. The best epoch is kept, and the encoder as it was counts as
    one. Raises ConfigError, DataError, PluginError or ModelError for what the user can mend, before anything is
    written.
    """
    overrides, heard, runs = strings("overrides", overrides), listeners.checked(callbacks), a_path("runs", runs)
    if not isinstance(plan, PretrainingPlan):
        plan = load_pretraining(a_path("plan", plan), overrides=overrides, registry=registry)
    started = time.perf_counter()
    accelerator, precision = make_accelerator(plan.training)
    reset_peak_memory(accelerator.device)
    set_seed(plan.training.seed)
    prepared = prepare(plan)
    set_seed(plan.training.seed + accelerator.process_index)  # dropout must not be the same in every process
    module = Pretraining(prepared.backbone, prepared.objectives, {name: plan.weight(name) for name in plan.objectives})
    freezing = build_freezing(plan.freezing, plan.registry, epochs=plan.training.epochs)
    freezing.may_train(model_layers(module), 0, ())  # a strategy that does not fit this encoder says so here
    run_dir = shared_run_folder(accelerator, runs, plan.name)
    main = accelerator.is_main_process
    with only_one(run_dir / LOCK) if main else nullcontext():
        if main:
            base = os.path.relpath(plan.base_dir, run_dir)  # so that this copy can be run, too
            write_json(run_dir / FILE, {"base": base, **plan.to_json()})
        recorder = Recorder(run_dir)
        everybody = listeners.all_listeners(plan.callbacks, recorder, heard)
        notify = listeners.notifiers(everybody if main else [])
        checkpoint = Checkpoint(run_dir / CHECKPOINTS)
        validate = _Validator(prepared, plan.training.epochs)
        trainer = _trainer(plan, accelerator, module, freezing, checkpoint, notify, validate)
        notify["on_run_start"](_run_start(plan, prepared, trainer, run_dir, precision))
        test_before = figures(prepared.objectives, prepared.backbone, "test")
        fitted = trainer.fit()
        test_after = figures(prepared.objectives, prepared.backbone, "test")
        result = Pretrained(
            encoder=run_dir / ENCODER,
            reason=fitted.reason,
            best_epoch=fitted.best.epoch,
            before={"dev": validate.found[0], "test": test_before},
            after={"dev": validate.found[fitted.best.epoch + 1], "test": test_after},
            unscaled=unscaled(prepared.objectives),
            seconds=time.perf_counter() - started,
        )
        if main:
            _save(prepared, result, checkpoint, run_dir)
        accelerator.wait_for_everyone()
        notify["on_run_end"](_run_end(result, fitted, prepared, run_dir, accelerator, precision, recorder))
    return result


def figures(objectives: Mapping[str, PretrainingObjective], backbone: Backbone, split: Split) -> dict[str, float]:
    """Every objective's figures on what is held out."""
    return {
        f"{name}.{metric}": float(value)
        for name, objective in objectives.items()
        for metric, value in objective.evaluate(backbone, split).items()
    }


def unscaled(objectives: Mapping[str, PretrainingObjective]) -> frozenset[str]:
    """The figures that are no shares."""
    return frozenset(f"{name}.{metric}" for name, objective in objectives.items() for metric in objective.unscaled)


# --- building ---------------------------------------------------------------------------------------------------------


def _objective(name: str, plan: PretrainingPlan, backbone: Backbone) -> PretrainingObjective:
    context = ObjectiveContext(
        name=name,
        encoder=backbone,
        seed=plan.training.seed,
        path=plan.path,
        read=lambda path: read_any(path, plan.registry),
        backbone=lambda component: build_nested(
            plan.registry, "backbone", component, BackboneContext(base_dir=plan.base_dir)
        ),
        model=lambda path: _models_backbone(path, plan.registry),
    )
    objective: PretrainingObjective = plan.objectives[name].make(context)
    return objective


def _models_backbone(path: Path, registry: Registry) -> Backbone:
    from nlu_kit.runtime.torch_runtime import restore_model

    return restore_model(open_model(path, registry)).backbone


def _trainer(
    plan: PretrainingPlan,
    accelerator: Accelerator,
    module: Pretraining,
    freezing: Freezing,
    checkpoint: Checkpoint,
    notify: Mapping[str, Callable[[Any], None]],
    validate: Callable[[], Validation],
) -> Trainer:
    backbone, objectives = module.model.backbone, module.objectives
    sizes = [len(objective) for objective in objectives.values()]
    training = plan.training
    rounds = Rounds(sizes, batch_size=training.batch_size, seed=training.seed, steps=training.steps)
    return Trainer(
        config=training,
        accelerator=accelerator,
        objective=module,
        collate=Collator(objectives, rounds, pad_id=backbone.pad_id, device=accelerator.device, seed=training.seed),
        sampler=rounds,
        freezing=freezing,
        checkpoint=checkpoint,
        validate=validate,
        # Masks and pairs make other texts each time: there is nothing to keep.
        static=StaticLayers(backbone, [], budget=0, file=checkpoint.file.parent / "static", processes=1),
        listeners=Listeners(step=notify["on_step_end"], epoch=notify["on_epoch_end"]),
        begun=True,
    )


class _Validator:
    """Measures on what is held out: before the first epoch and after each. The score is the mean of the objectives'
    main figures; ``found`` keeps all figures of each time. Where another epoch follows, objectives are refreshed."""

    def __init__(self, prepared: Prepared, epochs: int) -> None:
        self.prepared, self.epochs = prepared, epochs
        self.found: list[Figures] = []

    def __call__(self) -> Validation:
        objectives = self.prepared.objectives
        found = figures(objectives, self.prepared.backbone, "dev")
        main = [f"{name}.{objective.main}" for name, objective in objectives.items()]
        missing = [name for name in main if name not in found]
        if missing:
            raise PluginError(f"contract: evaluate() gives no {missing[0]}, which is to be its main figure")
        self.found.append(found)
        if len(self.found) <= self.epochs:
            for objective in objectives.values():
                objective.refresh(self.prepared.backbone)
        shares = {name: value for name, value in found.items() if name not in unscaled(objectives)}
        score = sum(found[name] for name in main) / len(main)
        return Validation(scores=shares, main=main, score=score, samples=[])


# --- what is written --------------------------------------------------------------------------------------------------


def _save(prepared: Prepared, result: Pretrained, checkpoint: Checkpoint, run_dir: Path) -> None:
    """The encoder's folder, whole or not at all; then the checkpoint can go."""
    try:
        with held_back():
            with replacing(result.encoder) as folder:
                folder.mkdir()
                prepared.backbone.cpu().save_pretrained(folder)
                write_json(folder / REPORT, _report(prepared, result))
            # Where a system has no links, the encoder is found all the same.
            with suppress(OSError), replacing(run_dir.parent / LATEST) as link:
                link.symlink_to(Path(run_dir.name) / ENCODER, target_is_directory=True)
    except OSError as error:
        raise TrainingError(
            f"{result.encoder} can't be written: {error}; the weights of the best epoch are in {checkpoint.file}"
        ) from error
    checkpoint.remove()


def _report(prepared: Prepared, result: Pretrained) -> dict[str, Any]:
    reports = prepared.reports()
    return {
        "before": result.before,
        "after": result.after,
        "best_epoch": result.best_epoch,
        "reason": result.reason,
        "data": {name: {"counts": one.counts, "dropped": one.dropped} for name, one in reports.items()},
    }


def _run_start(plan: PretrainingPlan, prepared: Prepared, trainer: Trainer, run_dir: Path, precision: str) -> RunStart:
    return RunStart(
        run_dir=run_dir,
        name=plan.name,
        device=str(trainer.accelerator.device),
        precision=precision,
        processes=trainer.accelerator.num_processes,
        epochs=plan.training.epochs,
        steps_per_epoch=trainer.steps_per_epoch,
        examples={name: len(objective) for name, objective in prepared.objectives.items()},
        sampler={},
        parameters=trainer.rates.counts(),
        warnings=[],
    )


def _run_end(
    result: Pretrained,
    fitted: FitResult,
    prepared: Prepared,
    run_dir: Path,
    accelerator: Accelerator,
    precision: str,
    recorder: Recorder,
) -> RunEnd:
    shares = {
        split: {name: value for name, value in found.items() if name not in result.unscaled}
        for split, found in result.after.items()
    }
    return RunEnd(
        run_dir=run_dir,
        model_dir=result.encoder,
        reason=result.reason,
        epochs_run=fitted.epochs_run,
        best_epoch=result.best_epoch,
        dev=shares["dev"],
        test=shares["test"],
        seconds=result.seconds,
        peak_memory_mb=peak_memory_mb(accelerator.device),
        precision=precision,
        sizes={name: len(objective) for name, objective in prepared.objectives.items()},
        notes=recorder.notes(),
    )
