"""``nlu-kit train``."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import click

from nlu_kit.cli.options import load_registry, pipeline_argument, refuse_beside, set_option
from nlu_kit.config.check import load_pipeline
from nlu_kit.errors import NluKitError
from nlu_kit.extras import needs_train

_PATIENCE = 5.0  # seconds


@click.command("train")
@pipeline_argument
@set_option
@click.option(
    "--runs", type=click.Path(path_type=Path, file_okay=False), default=Path("runs"), show_default=True,
    help="Folder that gets the run's folder and the link 'latest'.",
)  # fmt: skip
@click.option(
    "--finish", "unfinished", metavar="RUN", type=click.Path(path_type=Path, file_okay=False),
    help="Make a model of the best checkpoint of a run that ended too early; it can't be resumed then.",
)  # fmt: skip
@click.option(
    "--resume", "resumed", metavar="RUN", is_flag=False, flag_value="", type=click.Path(path_type=str),
    help="Go on with a run that was interrupted, where it was; without RUN, the last of them in --runs.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="With --resume and --set: change what is safe to change.")
@click.option("--quiet", "-q", is_flag=True, help="Only the final figures.")
@click.pass_context
def command(
    context: click.Context,
    pipeline: Path,
    overrides: tuple[str, ...],
    runs: Path,
    unfinished: Path | None,
    resumed: str | None,
    force: bool,
    quiet: bool,
) -> None:
    """Train PIPELINE (default: pipeline.json) and write the model to runs/<time>-<name>/model.

    Shows each epoch's dev figures and a few dev utterances, gold beside predicted, and at the end the test figures.
    Ctrl-C, SIGTERM and SIGHUP end it after the step that it is in, so that --resume can go on from there; a second
    Ctrl-C ends it at once. Everything shown is in the run's log.txt and metrics.jsonl too.

    \b
    Examples:
      nlu-kit train pipeline.json
      nlu-kit train pipeline.json --set training.epochs=3 --set sampler=random
      nlu-kit train --resume
      nlu-kit train --resume runs/20260131-120000-my-bot --set training.epochs=20 --force
      nlu-kit train --finish runs/20260131-120000-my-bot
      torchrun --nproc_per_node 2 -m nlu_kit train pipeline.json
    """
    with _one_voice():
        if unfinished is not None:
            refuse_beside(context, "--finish", ("pipeline", "overrides", "runs", "resumed", "force"))
            needs_train("training")
            from nlu_kit.cli.progress import ProgressCallback
            from nlu_kit.training.run import finish_run

            finish_run(unfinished, callbacks=[ProgressCallback(quiet=quiet)], registry=load_registry())
            return
        if resumed is not None:
            refuse_beside(context, "--resume", ("pipeline",))
            needs_train("training")
            from nlu_kit.cli.progress import ProgressCallback
            from nlu_kit.training.folders import last_unfinished
            from nlu_kit.training.run import resume_run
            from nlu_kit.training.signals import ending_like_ctrl_c

            run = Path(resumed) if resumed else last_unfinished(runs)
            with contextlib.closing(ProgressCallback(quiet=quiet)) as shown, ending_like_ctrl_c():
                resume_run(run, overrides=overrides, force=force, callbacks=[shown], registry=load_registry())
            return
        if force:
            raise click.UsageError("--force goes with --resume only", context)
        checked = load_pipeline(pipeline, overrides=overrides, registry=load_registry(), check_files=True)
        needs_train("training")
        # Imported late: these load torch, and a mistake in the pipeline should show at once.
        from nlu_kit.cli.progress import ProgressCallback
        from nlu_kit.training.run import train
        from nlu_kit.training.signals import ending_like_ctrl_c

        with contextlib.closing(ProgressCallback(quiet=quiet)) as shown, ending_like_ctrl_c():
            train(checked, runs=runs, callbacks=[shown])


@contextlib.contextmanager
def _one_voice() -> Iterator[None]:
    """Under a launcher every process meets the same mistake: the first reports it and the launcher ends the others,
    which wait for that. One that fails alone reports in the end."""
    try:
        yield
    except NluKitError:
        if os.environ.get("RANK", "0") != "0":
            time.sleep(_PATIENCE)
        raise
