"""Train every combination of settings, say which is better, and write that down."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlu_kit.arguments import a_path, whole_number
from nlu_kit.comparison.cell import CELL
from nlu_kit.comparison.comparison import summarise
from nlu_kit.comparison.comparison_page import compare_page
from nlu_kit.errors import DataError, TrainingError
from nlu_kit.experiments.grid import axes_of
from nlu_kit.experiments.plan import Plan, make_plan
from nlu_kit.experiments.runner import Results, Watcher, run_plan
from nlu_kit.files import overwritten, write_whole
from nlu_kit.registry import Registry

_FILES = ("compare.json", "compare.csv", "compare.html")


@dataclass(frozen=True, slots=True)
class Comparison:
    """``summary`` is what compare.json holds, which docs/compare.md explains; ``files`` are those written."""

    summary: dict[str, Any]
    files: Sequence[Path]


def compare(
    pipeline: str | Path = "pipeline.json",
    vary: Mapping[str, Sequence[Any]] | None = None,
    *,
    seeds: int = 3,
    settings: Sequence[str] = (),
    output: str | Path = "compare",
    keep_models: bool = False,
    registry: Registry | None = None,
    watcher: Watcher | None = None,
) -> Comparison:
    """Train ``pipeline`` with every combination of the values in ``vary``, ``{"sampler": ["random", "weighted"]}``,
    each with as many ``seeds``, and write compare.json, compare.csv and compare.html into ``output``.

    ``settings`` change the pipeline as ``--set`` does. Each run is a process of its own; what is finished in ``output``
    is not run again. ``summary["failed"]`` lists the runs that failed. Raises ConfigError for mistakes in the pipeline
    or the grid, TrainingError where every run fails.
    """
    plan = make_plan(
        a_path("pipeline", pipeline),
        axes=axes_of(vary or {}),
        settings=settings,
        seeds=whole_number("seeds", seeds, least=1),
        registry=registry if registry is not None else Registry.load(),
    )
    found, results = compare_plan(plan, a_path("output", output), watcher or Watcher(), keep_models=keep_models)
    if found is None:
        raise TrainingError(failure(plan, results))
    return found


def compare_plan(
    plan: Plan, output: Path, watcher: Watcher, *, keep_models: bool = False
) -> tuple[Comparison | None, Results]:
    """Run what is not finished. The first is None where every run failed. Raises DataError where what is written would
    overwrite the pipeline or its data."""
    _refuse_inputs(plan, output)
    results = run_plan(plan, output, watcher, worker=CELL, keep_models=keep_models)
    if not results.records:
        return None, results
    summary = summarise(plan, results)
    return Comparison(summary, write_files(output, summary)), results


def _refuse_inputs(plan: Plan, output: Path) -> None:
    data = [p.path(name) for p in plan.pipelines for name in (p.data.train, p.data.dev, p.data.test) if name]
    read = [path for path in (plan.file, *dict.fromkeys(data)) if path.is_file()]
    for name in _FILES:
        over = overwritten(output / name, read)
        if over is not None:
            raise DataError(f"{output / name} would overwrite {over}, which is read; set --output to another folder")


def failure(plan: Plan, results: Results) -> str:
    """What to say where some runs failed."""
    first, error = results.failed[0]
    count = f"{len(results.failed)} of {len(plan.cells)} runs failed"
    return f"{count}; the same command tries them again. The first, {first.label}: {error}"


def write_files(output: Path, summary: Mapping[str, Any]) -> list[Path]:
    """Write the three files and name them; each is replaced as a whole."""
    texts = (json.dumps(summary, indent=1, ensure_ascii=False) + "\n", csv_text(summary), compare_page(summary))
    for name, text in zip(_FILES, texts, strict=True):
        write_whole(output / name, text)
    return [output / name for name in _FILES]


def csv_text(summary: Mapping[str, Any]) -> str:
    """A row per run: the varied values, the seed, every figure in [0, 1], and what it cost."""
    runs = summary["runs"]
    values = {row["number"]: row["values"] for row in summary["combinations"]}
    figures = list(dict.fromkeys(name for run in runs for name in run["scores"]))
    costs = ["best_epoch", "epochs_run", "reason", "seconds", "peak_memory_mb", "device", "precision", "run"]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["combination", *summary["vary"], "seed", "evaluated_on", *figures, *costs])
    for run in runs:
        chosen = (values[run["combination"]][path] for path in summary["vary"])
        written = [value if isinstance(value, str) else json.dumps(value) for value in chosen]
        scores = [run["scores"].get(name, "") for name in figures]
        writer.writerow(
            [run["combination"], *written, run["seed"], run["evaluated_on"], *scores, *(run[name] for name in costs)]
        )
    return stream.getvalue()
