"""``nlu-kit compare``."""

from __future__ import annotations

from pathlib import Path

import click

from nlu_kit.cli.compare_progress import GridProgress
from nlu_kit.cli.options import load_registry, pipeline_argument, set_option
from nlu_kit.cli.output import say
from nlu_kit.errors import TrainingError
from nlu_kit.experiments.grid import parse_axes
from nlu_kit.experiments.plan import make_plan


@click.command("compare")
@pipeline_argument
@click.option(
    "--vary", "vary", multiple=True, metavar="PATH=VALUE,…",
    help="A setting and its values. Repeatable; all combinations are trained.",
)  # fmt: skip
@click.option(
    "--seeds", type=click.IntRange(min=1), default=3, show_default=True,
    help="Runs per combination, with training.seed, training.seed + 1, and so on.",
)  # fmt: skip
@set_option
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("compare"), show_default=True,
    metavar="DIR", help="Folder for the results. Finished runs in it are not repeated.",
)  # fmt: skip
@click.option("--keep-models", is_flag=True, help="Keep every run's model, not only its figures and logs.")
@click.option("--quiet", "-q", is_flag=True, help="Print only the table.")
def command(
    pipeline: Path,
    vary: tuple[str, ...],
    seeds: int,
    overrides: tuple[str, ...],
    output: Path,
    keep_models: bool,
    quiet: bool,
) -> None:
    """Train PIPELINE (default: pipeline.json) with every combination of settings, and say which is better.

    Prints a table with mean and standard deviation over the seeds and a paired bootstrap test, and writes
    compare.json, compare.csv and compare.html. Each run is a process of its own. After Ctrl-C, the same command
    continues; with more values or seeds, it runs only what is new.

    \b
    Examples:
      nlu-kit compare pipeline.json --vary freezing=freeze_backbone,discriminative
      nlu-kit compare pipeline.json --vary sampler=random,weighted --vary training.batch_size=16,32 --seeds 5
      nlu-kit compare --vary 'freezing={"type":"discriminative","encoder_lr":1e-4},freeze_all' --output lr
      nlu-kit compare --seeds 10 --set training.epochs=20
    """
    plan = make_plan(pipeline, axes=parse_axes(vary), settings=overrides, seeds=seeds, registry=load_registry())
    # Imported late: numpy is not needed to find a mistake.
    from nlu_kit.comparison.compare import compare_plan, failure
    from nlu_kit.comparison.comparison_table import table_lines

    with GridProgress(quiet=quiet) as progress:
        found, results = compare_plan(plan, output, progress, keep_models=keep_models)
    if found is not None:
        for line in table_lines(found.summary):
            say(line)
        say(f"wrote {', '.join(str(file) for file in found.files)}")
    if results.failed:
        raise TrainingError(failure(plan, results))
