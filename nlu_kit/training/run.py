"""One run from pipeline.json to a finished model folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from nlu_kit.arguments import a_path, strings
from nlu_kit.config.check import load_pipeline
from nlu_kit.config.pipeline import Pipeline
from nlu_kit.errors import ConfigError, NluKitError, Problem, TrainingError
from nlu_kit.files import write_json
from nlu_kit.locking import BusyError, only_one
from nlu_kit.model.folder import PIPELINE
from nlu_kit.plugin.contracts import Callback
from nlu_kit.plugin.events import RunEnd
from nlu_kit.registry import Registry
from nlu_kit.training import listeners
from nlu_kit.training.accelerator import shared_run_folder
from nlu_kit.training.alone import alone
from nlu_kit.training.checkpoint import Checkpoint
from nlu_kit.training.duration import epochs_of
from nlu_kit.training.folders import (
    CHECKPOINTS,
    LOCK,
    empty,
    points,
    refuse_unless_ended,
    sweep,
    waiting,
)
from nlu_kit.training.job import Job, rerunnable
from nlu_kit.training.made_with import begun_with, compare
from nlu_kit.training.resume import Point, last_point, newest
from nlu_kit.training.signals import ended
from nlu_kit.training.trainer import FitResult


@alone()
def train(
    pipeline: str | Path | Pipeline,
    *,
    overrides: Iterable[str] = (),
    runs: str | Path = "runs",
    callbacks: Iterable[Callback] = (),
    registry: Registry | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> RunEnd:
    """Train what ``pipeline`` (a file, its folder, or a checked Pipeline) composes, and write the model.

    With ``resume``, go on with the newest run in ``runs`` that waits for it, if it was made with the same pipeline and
    data; else begin. ``overrides`` are ``path=value`` strings as for ``--set``; ``callbacks`` hear of everything on the
    main process; ``progress`` shows it on stdout (``nlu_kit.Progress``), by default in notebooks only. Raises
    ConfigError, DataError, PluginError or ModelError for what the user can mend, before anything is written;
    TrainingError where another training goes on in this process; TypeError for arguments of another kind, and for
    overrides or a registry beside a Pipeline, which has its own.
    """
    overrides, runs = strings("overrides", overrides), a_path("runs", runs)
    callbacks = listeners.checked(callbacks, progress)
    if not isinstance(pipeline, Pipeline):
        pipeline = load_pipeline(a_path("pipeline", pipeline), overrides=overrides, registry=registry)
    elif overrides or registry is not None:
        raise TypeError("overrides and registry are for a pipeline file; this Pipeline is resolved already")
    job = Job.prepare(pipeline)
    point = _waiting(job, runs) if resume else None
    run_dir = point.folder.parents[1] if point else shared_run_folder(job.accelerator, runs, pipeline.name)
    with _locked(job, run_dir):
        if job.accelerator.is_main_process:
            sweep(runs)
            write_json(run_dir / PIPELINE, rerunnable(job.pipeline, run_dir))
        job.begin(run_dir, callbacks, point=point)
        with _nothing_lost(job):
            fitted = job.fit()
            return job.save(fitted, job.finish())


@alone()
def resume_run(
    run: str | Path,
    *,
    overrides: Iterable[str] = (),
    force: bool = False,
    callbacks: Iterable[Callback] = (),
    registry: Registry | None = None,
    progress: bool | None = None,
) -> RunEnd:
    """Go on with a run that was interrupted, from its last checkpoint, or from the start where it had none yet. On the
    same machine with as many threads it ends with the same weights, bit by bit, and the same figures as if it had never
    been interrupted.

    ``overrides`` need ``force``, and may change only what leaves batches, model and losses as they were (such as
    ``training.epochs``). Raises ConfigError for others and for data that has changed since the checkpoint;
    TrainingError where the run has its model already, is still going on, or has only damaged checkpoints; else what
    ``train`` raises.
    """
    run_dir, overrides = a_path("run", run), strings("overrides", overrides)
    callbacks = listeners.checked(callbacks, progress)
    refuse_unless_ended(run_dir)
    point, said = last_point(run_dir)
    pipeline = load_pipeline(run_dir / PIPELINE, overrides=overrides, registry=registry, check_files=True)
    job = Job.prepare(pipeline)
    now = job.made_with(run_dir)
    then = begun_with(run_dir / PIPELINE, now) if point is None else point.made_with
    said += compare(then, now, run=run_dir, force=force)
    if point is not None:
        _refuse_fewer_epochs(epochs_of(job.pipeline), point, run_dir)
    with _locked(job, run_dir):
        if job.accelerator.is_main_process:
            if point is None:
                empty(run_dir)
            write_json(run_dir / PIPELINE, rerunnable(job.pipeline, run_dir))  # with what was forced
        job.begin(run_dir, callbacks, point=point, said=said)
        with _nothing_lost(job):
            fitted = job.fit()
            return job.save(fitted, job.finish())


def _refuse_fewer_epochs(epochs: int, point: Point, run_dir: Path) -> None:
    begun = point.position.epoch + (point.position.step > 0)
    if epochs < begun:
        problem = Problem(
            "training.epochs",
            f"got {epochs}, and the run is in epoch {begun} already",
            f"to end it here, with its best epoch: nlu-kit train --finish {run_dir}",
        )
        raise ConfigError([problem], source=f"{run_dir} can't go on")


def _waiting(job: Job, runs: Path) -> Point | None:
    """Where the newest run that waits is to go on; None where there is none, or it was made with something else."""
    run_dir = waiting(runs)
    if run_dir is None:
        return None
    try:
        point, _ = newest(run_dir / CHECKPOINTS)
        compare(point.made_with, job.made_with(run_dir), run=run_dir, force=False)
    except (TrainingError, ConfigError):
        return None
    return point


@alone()
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
    job = Job.prepare(pipeline)
    with _locked(job, run_dir):
        job.begin(run_dir, callbacks)
        with _nothing_lost(job):
            best = job.checkpoint.restore(job.prepared.objective)
            fitted = FitResult(reason="finished from its checkpoint", epochs_run=best.epoch + 1, best=best)
            return job.save(fitted, job.finish())


@contextmanager
def _locked(job: Job, run_dir: Path) -> Iterator[None]:
    """So that others can tell a run that goes on from one that died."""
    try:
        with only_one(run_dir / LOCK) if job.accelerator.is_main_process else nullcontext():
            yield
    except BusyError as error:  # whoever looked at the same moment was faster
        raise TrainingError(f"{run_dir} is in training already ({error})") from None


@contextmanager
def _nothing_lost(job: Job) -> Iterator[None]:
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
            raise ended(error, kept) from error
        reason = str(error) if isinstance(error, NluKitError) else f"{type(error).__name__}: {error}"
        raise TrainingError(f"{reason}\nNothing that was trained is lost: {kept}") from error


def _ways_on(job: Job) -> list[str]:
    """What can be made of a run that ended too early, with the command."""
    ways = []
    if points(job.run_dir / CHECKPOINTS):
        ways.append(f"go on where it was: nlu-kit train --resume {job.run_dir}")
    if job.checkpoint.exists():
        which = "best" if job.prepared.selects else "last"
        ways.append(f"make a model of its {which} weights: nlu-kit train --finish {job.run_dir}")
    return ways
