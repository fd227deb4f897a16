"""What will be run: the grid times the seeds, every combination checked before the first of them starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlu_kit.config.check import load_pipeline
from nlu_kit.config.pipeline import Pipeline
from nlu_kit.errors import ConfigError, Problem
from nlu_kit.experiments.grid import SEED, Axis, Combination, combinations
from nlu_kit.experiments.key import cell_key
from nlu_kit.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One run: a combination and a seed; ``overrides`` make it from the pipeline's file, ``key`` names its results,
    ``extra`` is whatever else the process that runs it must be told."""

    combination: Combination
    seed: int
    overrides: tuple[str, ...]
    key: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return f"{self.combination.label}, seed {self.seed}" if self.combination.choices else f"seed {self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``file``: the pipeline's; ``base``: that pipeline with ``settings``, before anything is varied."""

    file: Path
    settings: tuple[str, ...]
    axes: tuple[Axis, ...]
    seeds: int
    combinations: tuple[Combination, ...]
    cells: tuple[Cell, ...]
    pipelines: tuple[Pipeline, ...]


def make_plan(
    file: Path, *, axes: Sequence[Axis], settings: Sequence[str], seeds: int, registry: Registry | None = None
) -> Plan:
    """Check every combination and list the cells, all combinations of the first seed before those of the second.

    Raises ConfigError with every problem of every combination, each saying which combinations have it.
    """
    file = file / "pipeline.json" if file.is_dir() else file
    registry = registry if registry is not None else Registry.load()
    grid = combinations(axes)
    pipelines = _check(file, grid, settings, registry)
    cells = []
    for offset in range(seeds):
        for combination, pipeline in zip(grid, pipelines, strict=True):
            seed = pipeline.training.seed + offset
            overrides = (*settings, *combination.overrides, f"{SEED}={seed}")
            key = cell_key(load_pipeline(file, overrides=overrides, registry=registry))
            cells.append(Cell(combination=combination, seed=seed, overrides=overrides, key=key))
    _refuse_twins(cells)
    return Plan(
        file=file,
        settings=tuple(settings),
        axes=tuple(axes),
        seeds=seeds,
        combinations=tuple(grid),
        cells=tuple(cells),
        pipelines=tuple(pipelines),
    )


def _check(file: Path, grid: Sequence[Combination], settings: Sequence[str], registry: Registry) -> list[Pipeline]:
    pipelines, found = [], dict[tuple[str, str, str], list[Combination]]()
    for combination in grid:
        try:
            overrides = (*settings, *combination.overrides)
            pipeline = load_pipeline(file, overrides=overrides, registry=registry, check_files=True)
            pipelines.append(pipeline)
            problems = _one_process(pipeline)
        except ConfigError as error:
            problems = list(error.problems)
        for problem in problems:
            found.setdefault((problem.path, problem.message, problem.hint), []).append(combination)
    if found:
        problems = [
            Problem(path, message + ("" if len(where) == len(grid) else f" (with {_names(where)})"), hint)
            for (path, message, hint), where in found.items()
        ]
        raise ConfigError(problems, source=str(file))
    return pipelines


def _one_process(pipeline: Pipeline) -> list[Problem]:
    if pipeline.training.processes in (None, 1):
        return []
    hint = "add --set training.processes=null"
    return [Problem("training.processes", "compare trains in one process at a time", hint)]


def _names(where: Sequence[Combination]) -> str:
    shown = [" ".join(combination.overrides) for combination in where[:3]]
    rest = len(where) - len(shown)
    return "; ".join(shown) + (f"; and {rest} more" if rest else "")


def _refuse_twins(cells: Sequence[Cell]) -> None:
    """Two combinations that resolve to one pipeline would be one run, shown twice."""
    first: dict[str, Cell] = {}
    problems = []
    for cell in cells:
        twin = first.setdefault(cell.key, cell)
        if twin is not cell and twin.seed == cell.seed and cell.combination is not twin.combination:
            names = f"{' '.join(twin.combination.overrides)} and {' '.join(cell.combination.overrides)}"
            problems.append(Problem("--vary", f"{names} are the same pipeline", "leave one out"))
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
