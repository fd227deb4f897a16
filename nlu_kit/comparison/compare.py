"""Train every combination of settings, and say which is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlu_kit.arguments import a_path, whole_number
from nlu_kit.comparison.cell import CELL
from nlu_kit.comparison.comparison import summarise
from nlu_kit.comparison.comparison_files import write_files
from nlu_kit.errors import TrainingError
from nlu_kit.experiments.grid import axes_of
from nlu_kit.experiments.plan import Plan, make_plan
from nlu_kit.experiments.runner import Results, Watcher, run_plan
from nlu_kit.registry import Registry


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
    """Run what is not finished. The first is None where every run failed."""
    results = run_plan(plan, output, watcher, worker=CELL, keep_models=keep_models)
    if not results.records:
        return None, results
    summary = summarise(plan, results)
    return Comparison(summary, write_files(output, summary)), results


def failure(plan: Plan, results: Results) -> str:
    """What to say where some runs failed."""
    first, error = results.failed[0]
    count = f"{len(results.failed)} of {len(plan.cells)} runs failed"
    return f"{count}; the same command tries them again. The first, {first.label}: {error}"
