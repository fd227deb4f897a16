"""One run from pretrain.json to a folder with an encoder."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import set_seed

from nlu_kit.arguments import a_path, strings
from nlu_kit.config.pretraining import FILE, PretrainingPlan, load_pretraining
from nlu_kit.data.findings import Finding
from nlu_kit.errors import TrainingError
from nlu_kit.files import replacing, write_json
from nlu_kit.locking import only_one
from nlu_kit.model.build import model_layers
from nlu_kit.plugin.contracts import Callback, Freezing
from nlu_kit.plugin.events import RunEnd, RunStart
from nlu_kit.pretraining.module import Collator, Pretraining, Rounds
from nlu_kit.pretraining.prepare import Prepared, fingerprint, prepare
from nlu_kit.pretraining.validation import Figures, Validator, figures, unscaled
from nlu_kit.registry import Registry
from nlu_kit.training import listeners
from nlu_kit.training.accelerator import make_accelerator, peak_memory_mb, reset_peak_memory, shared_run_folder
from nlu_kit.training.alone import alone
from nlu_kit.training.checkpoint import Checkpoint
from nlu_kit.training.folders import CHECKPOINTS, ENCODER, LOCK, empty, points, refuse_unless_ended
from nlu_kit.training.listeners import Recorder
from nlu_kit.training.made_with import MadeWith, begun_with, compare
from nlu_kit.training.prepare import build_freezing
from nlu_kit.training.resumable import Resumable
from nlu_kit.training.resume import Points, last_point
from nlu_kit.training.signals import at_the_next_step, ended, held_back
from nlu_kit.training.static import StaticLayers
from nlu_kit.training.trainer import FitResult, Listeners, Trainer, Validation

REPORT, LATEST = "report.json", "latest-encoder"


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


@alone()
def pretrain(
    plan: str | Path | PretrainingPlan,
    *,
    overrides: Iterable[str] = (),
    runs: str | Path = "runs",
    callbacks: Iterable[Callback] = (),
    registry: Registry | None = None,
    resume: str | Path | None = None,
    force: bool = False,
    progress: bool | None = None,
) -> Pretrained:
    """Teach the encoder that ``plan`` (a file, its folder, or a checked plan) names, and write it. ``resume`` is the
    folder of a run that was interrupted, which goes on where it was: ``plan`` must be its own, but for what ``force``
    may change (see ``nlu_kit.training.run.resume_run``).

    Each epoch is validated on what the objectives hold out. The best epoch is kept, and the encoder as it was counts as
    one. Raises ConfigError, DataError, PluginError or ModelError for what the user can mend, before anything is
    written; TrainingError where the run to be resumed is finished or still going on, or has only damaged checkpoints,
    and where another training goes on in this process.
    """
    overrides, runs = strings("overrides", overrides), a_path("runs", runs)
    heard = listeners.checked(callbacks, progress)
    if not isinstance(plan, PretrainingPlan):
        plan = load_pretraining(a_path("plan", plan), overrides=overrides, registry=registry)
    started, point, said = time.perf_counter(), None, list[str]()
    if resume is not None:
        refuse_unless_ended(Path(resume), result=ENCODER)
        point, said = last_point(Path(resume), result=ENCODER)
    accelerator, precision = make_accelerator(plan.training)
    reset_peak_memory(accelerator.device)
    set_seed(plan.training.seed)
    prepared = prepare(plan)
    set_seed(plan.training.seed + accelerator.process_index)  # dropout must not be the same in every process
    module = Pretraining(prepared.backbone, prepared.objectives, {name: plan.weight(name) for name in plan.objectives})
    freezing = build_freezing(plan.freezing, plan.registry, epochs=plan.training.epochs)
    freezing.may_train(model_layers(module), 0, ())  # a strategy that does not fit this encoder says so here
    run_dir = Path(resume) if resume is not None else shared_run_folder(accelerator, runs, plan.name)
    main = accelerator.is_main_process
    made_with = MadeWith.here(
        pipeline=_rerunnable(plan, run_dir),
        data={name: fingerprint(objective) for name, objective in prepared.objectives.items()},
        components=[plan.backbone, *plan.objectives.values(), plan.freezing, *plan.callbacks],
        accelerator=accelerator,
        precision=precision,
    )
    if resume is not None:
        then = begun_with(run_dir / FILE, made_with) if point is None else point.made_with
        said += compare(then, made_with, run=run_dir, force=force)
    before = 0.0 if point is None else point.position.elapsed
    elapsed: Callable[[], float] = lambda: before + time.perf_counter() - started  # noqa: E731
    with only_one(run_dir / LOCK) if main else nullcontext():
        if main:
            if point is None:
                empty(run_dir)
            write_json(run_dir / FILE, _rerunnable(plan, run_dir))
        recorder = Recorder(run_dir)
        if point is not None and main:
            recorder.cut(point.position.sizes)
        everybody = listeners.all_listeners(plan.callbacks, recorder, heard)
        notify = listeners.notifiers(everybody if main else [])
        checkpoint = Checkpoint(run_dir / CHECKPOINTS)
        validate = Validator(prepared, plan.training.epochs)
        test_before = figures(prepared.objectives, prepared.backbone, "test")
        with at_the_next_step() as ending, _telling_how_to_go_on(run_dir):
            training = plan.training
            kept = Points(
                checkpoint.file.parent, made_with, minutes=training.checkpoint_minutes, keep=training.checkpoints
            )
            resumable = Resumable(
                points=kept, ending=ending, sizes=recorder.sizes, elapsed=elapsed, found=lambda: validate.found
            )
            trainer = _trainer(plan, accelerator, module, freezing, checkpoint, notify, validate, resumable)
            start = _run_start(plan, prepared, trainer, run_dir, precision)
            if point is not None:
                validate.found = list(point.position.found)
                start = replace(start, resumed=point.position.global_step)
            start = replace(start, warnings=[Finding(text) for text in said])
            notify["on_run_start"](start)
            fitted = trainer.fit(point)
        test_after = figures(prepared.objectives, prepared.backbone, "test")
        result = Pretrained(
            encoder=run_dir / ENCODER,
            reason=fitted.reason,
            best_epoch=fitted.best.epoch,
            before={"dev": validate.found[0], "test": test_before},
            after={"dev": validate.found[fitted.best.epoch + 1], "test": test_after},
            unscaled=unscaled(prepared.objectives),
            seconds=elapsed(),
        )
        if main:
            _save(prepared, result, checkpoint, run_dir)
        accelerator.wait_for_everyone()
        notify["on_run_end"](_run_end(result, fitted, prepared, run_dir, accelerator, precision, recorder))
    return result


def _rerunnable(plan: PretrainingPlan, run_dir: Path) -> dict[str, Any]:
    """The plan as the run's folder has it: its copy can be run, too."""
    return {"base": os.path.relpath(plan.base_dir, run_dir), **plan.to_json()}


@contextmanager
def _telling_how_to_go_on(run_dir: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        if not points(run_dir / CHECKPOINTS):
            raise
        way = f"go on where it was: nlu-kit pretrain --resume {run_dir}"
        raise ended(error, way) from error


def _trainer(
    plan: PretrainingPlan,
    accelerator: Accelerator,
    module: Pretraining,
    freezing: Freezing,
    checkpoint: Checkpoint,
    notify: Mapping[str, Callable[[Any], None]],
    validate: Callable[[], Validation],
    resumable: Resumable,
) -> Trainer:
    backbone, objectives = module.model.backbone, module.objectives
    sizes = [len(objective) for objective in objectives.values()]
    training = plan.training
    rounds = Rounds(sizes, batch_size=training.batch_size, seed=training.seed, steps=training.steps)
    return Trainer(
        config=training,
        epochs=training.epochs,
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
        resumable=resumable,
    )


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
