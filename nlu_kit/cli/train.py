"""``nlu-kit train``."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import click

from nlu_kit.cli.options import load_registry, pipeline_argument, set_option
from nlu_kit.config.check import load_pipeline
from nlu_kit.errors import NluKitError

_PATIENCE = 5.0  # seconds


@click.command("train")
@pipeline_argument
@set_option
@click.option(
    "--runs", type=click.Path(path_type=Path, file_okay=False), default=Path("runs"), show_default=True,
    help="Folder that gets the run's folder and the link 'latest'.",
)  # fmt: skip
@click.option("--quiet", "-q", is_flag=True, help="Only the final figures.")
def command(pipeline: Path, overrides: tuple[str, ...], runs: Path, quiet: bool) -> None:
    """Train PIPELINE (default: pipeline.json) and write the model to runs/<time>-<name>/model.

    Shows each epoch's dev figures and a few decoded dev utterances, gold beside predicted; ends with the test figures.
    Ctrl-C keeps the best epoch so far. Everything shown is in the run's log.txt and metrics.jsonl too.

    \b
    Examples:
      nlu-kit train pipeline.json
      nlu-kit train pipeline.json --set training.epochs=3 --set sampler=random
      torchrun --nproc_per_node 2 -m nlu_kit train pipeline.json
    """
    with _one_voice():
        checked = load_pipeline(pipeline, overrides=overrides, registry=load_registry(), check_files=True)
        # Imported late: these load torch, and a mistake in the pipeline should show at once.
        from nlu_kit.cli.progress import ProgressCallback
        from nlu_kit.training.run import train

        train(checked, runs=runs, callbacks=[ProgressCallback(quiet=quiet)])


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
