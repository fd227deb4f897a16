"""``nlu-kit evaluate``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nlu_kit.cli.options import device_option, load_registry, runtime_option, set_option, threshold_option
from nlu_kit.cli.output import say
from nlu_kit.errors import ConfigError
from nlu_kit.evaluation.gates import Gate, check_gates, parse_gates, unknown_figures
from nlu_kit.runtime.outputs import named

if TYPE_CHECKING:
    from nlu_kit.evaluation.summary import Evaluation

_MODEL = Path("runs/latest")
_FILES = ("evaluation.json", "errors.jsonl", "report.html")


@click.command("evaluate")
@click.argument("data", type=click.Path(path_type=Path), required=False)
@click.option(
    "--model", "-m", type=click.Path(path_type=Path), default=None,
    help=f"A model folder, or a run's folder.  [default: {_MODEL.as_posix()}]",
)  # fmt: skip
@click.option(
    "--reader", metavar="NAME",
    help='The format of DATA, or {"type": …} with parameters. By default, the reader that recognises it.',
)  # fmt: skip
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("evaluation"), show_default=True,
    metavar="DIR", help="Folder for the results.",
)  # fmt: skip
@click.option(
    "--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write a JUnit file, for CI."
)
@click.option(
    "--fail-under", "minima", multiple=True, metavar="METRIC=VALUE",
    help="Exit with 1 if a figure is below a value from 0 to 1. Repeatable.",
)  # fmt: skip
@click.option(
    "--fail-over", "maxima", multiple=True, metavar="METRIC=VALUE",
    help="The same for figures that should be low, such as out_of_scope.false_rejection or intent.ece.",
)  # fmt: skip
@device_option
@runtime_option
@threshold_option
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Texts in a batch.")
@click.option(
    "--folds", type=click.IntRange(min=2),
    help="Cross-validate instead, with this many folds; DATA is then a pipeline (default: pipeline.json).",
)  # fmt: skip
@set_option
@click.option("--keep-models", is_flag=True, help="With --folds, keep every fold's model.")
@click.option("--quiet", "-q", is_flag=True, help="Print only the table.")
@click.pass_context
def command(
    context: click.Context,
    data: Path | None,
    model: Path | None,
    reader: str | None,
    output: Path,
    junit: Path | None,
    minima: tuple[str, ...],
    maxima: tuple[str, ...],
    device: str,
    runtime: str,
    threshold: float | None,
    batch_size: int,
    folds: int | None,
    overrides: tuple[str, ...],
    keep_models: bool,
    quiet: bool,
) -> None:
    """Measure a trained model on DATA (default: the test set that its pipeline names).

    Reports figures with 95 % intervals, calibration, out-of-scope detection, errors, speed and memory. Prints a table
    and writes evaluation.json, errors.jsonl (worst first) and report.html. --set and --keep-models need --folds.

    \b
    Examples:
      nlu-kit evaluate
      nlu-kit evaluate --model runs/latest data/test.jsonl --output evaluation
      nlu-kit evaluate data/test.jsonl --fail-under intent.accuracy=0.95 --junit evaluation/junit.xml
      nlu-kit evaluate --fail-over out_of_scope.false_rejection=0.03
      nlu-kit evaluate --folds 10 pipeline.json --set training.epochs=5
    """
    _check_options(context, folds)
    gates = parse_gates(minima, maxima)
    places = Places(output, None if junit is None else named(str(junit)))
    if folds is None:
        settings = {"device": device, "runtime": runtime, "threshold": threshold, "batch_size": batch_size}
        evaluation = _one_model(data, model or _MODEL, reader, settings, places, quiet=quiet)
    else:
        evaluation = _folds(data or Path("pipeline.json"), folds, overrides, places, keep_models, quiet)
    passed = _finish(evaluation, gates, places)
    context.exit(0 if passed else 1)


@dataclass(frozen=True, slots=True)
class Places:
    """Where results go."""

    output: Path
    junit: Path | None

    def prepare(self, *data: Path, model: Sequence[Path] = ()) -> None:
        """After everything was found and before anything is computed. Raises DataError where something can't be
        written, or would be written over what is read."""
        from nlu_kit.evaluation.evaluation_files import prepare_file, prepare_folder, refuse_inputs

        written = [self.output / name for name in _FILES]
        # Of a folder, such as a whole project, what was written last time is no part.
        refuse_inputs(written, "--output", read=[path for path in data if path.is_file()])
        prepare_folder(self.output)
        if self.junit is not None:
            prepare_file(self.junit, "--junit", written=written, read=[*data, *model])


def _check_options(context: click.Context, folds: int | None) -> None:
    """Options that do not go with the others are a mistake, not something to pass over."""
    wrong = {"overrides": "--set", "keep_models": "--keep-models"}
    if folds is not None:
        names = ("model", "reader", "device", "runtime", "threshold", "batch_size")
        wrong = {name: f"--{name.replace('_', '-')}" for name in names}
    for name, option in wrong.items():
        source = context.get_parameter_source(name)
        if source is not None and source.name not in ("DEFAULT", "DEFAULT_MAP"):
            with_it = "does not go with" if folds is not None else "is for"
            raise click.UsageError(f"{option} {with_it} --folds", context)


def _one_model(
    data: Path | None,
    model: Path,
    reader: str | None,
    settings: Mapping[str, Any],
    places: Places,
    *,
    quiet: bool,
) -> Evaluation:
    from nlu_kit.evaluation.data import read_data
    from nlu_kit.model.folder import find_model

    registry = load_registry()
    folder = find_model(model)
    read = read_data(data, model=folder, registry=registry, reader=reader)
    places.prepare(read.path, model=[folder])
    from nlu_kit.evaluation.evaluate import evaluate  # loads torch

    with bar(len(read.examples), quiet=quiet) as on_progress:
        return evaluate(folder, read, registry=registry, on_progress=on_progress, **settings)


def _folds(
    pipeline: Path, folds: int, overrides: Sequence[str], places: Places, keep_models: bool, quiet: bool
) -> Evaluation:
    from nlu_kit.cli.compare_progress import GridProgress
    from nlu_kit.evaluation.cross_validation import cross_validate, plan_folds

    plan = plan_folds(pipeline, folds=folds, settings=overrides, registry=load_registry())
    (resolved,) = plan.pipelines
    data = [resolved.data.train, resolved.data.dev, resolved.data.test]
    places.prepare(pipeline, *(resolved.path(path) for path in data if path))
    with GridProgress(quiet=quiet) as progress:
        return cross_validate(plan, places.output, progress, keep_models=keep_models)


def _finish(evaluation: Evaluation, gates: Sequence[Gate], places: Places) -> bool:
    """Write, print, and say whether every threshold was met.

    Raises ConfigError, after all that, for thresholds of figures that there are not.
    """
    from nlu_kit.evaluation.evaluation_files import json_text, junit_text, write_files
    from nlu_kit.evaluation.evaluation_page import evaluation_page
    from nlu_kit.evaluation.mistakes import errors_text
    from nlu_kit.evaluation.table import table_lines

    summary = evaluation.summary
    summary["gates"] = check_gates(gates, summary["figures"])
    unknown = unknown_figures(gates, summary["figures"])
    # Whoever reads the files alone must not take what was never checked for passed.
    summary["notes"] += [f"{problem.path}: {problem.message}, so it was not checked." for problem in unknown]
    contents = (json_text(summary), errors_text(evaluation.errors), evaluation_page(evaluation))
    texts = {places.output / name: content for name, content in zip(_FILES, contents, strict=True)}
    if places.junit is not None:
        texts[places.junit] = junit_text(summary, unknown)
    try:
        files = write_files(texts)  # first: whoever reads the table may close the pipe early
    finally:  # where the disk is full, the table is all there is
        for line in table_lines(summary):
            say(line)
    say(f"wrote {', '.join(str(file) for file in files)}")
    if unknown:
        raise ConfigError(unknown, where="on the command line")
    return all(gate["passed"] for gate in summary["gates"])


@contextlib.contextmanager
def bar(total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Progress on stderr, where that is a terminal; yields what is to be told how many more are done."""
    from tqdm import tqdm

    hidden = quiet or not sys.stderr.isatty()
    with tqdm(total=total, unit=" texts", leave=False, dynamic_ncols=True, disable=hidden) as progress:
        yield progress.update
