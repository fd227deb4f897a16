"""What will be run: the grid times the seeds, every combination checked before the first of them starts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from nlu_kit.config.check import load_pipeline
from nlu_kit.config.pipeline import Pipeline, locate
from nlu_kit.errors import ConfigError, Problem
from nlu_kit.experiments.grid import SEED, Axis, Combination, combinations
from nlu_kit.extras import needs_train
from nlu_kit.files import sha256
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

    Raises ConfigError with every problem of every combination, each saying which combinations have it, and
    MissingPackageError where nothing can be trained.
    """
    needs_train("training")  # now, and not in each run's own process
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


_LENGTH = 16  # hexadecimal digits: 64 bits are plenty for a grid


def cell_key(pipeline: Pipeline) -> str:
    """Of the resolved pipeline (the seed is part of it), who provides its components, and the content of its data.

    Where the data is does not matter, so that a folder can be moved. Files that the backbone names are told apart by
    name, size and time only: they are large.
    """
    resolved = pipeline.to_json()
    for split in ("train", "dev", "test"):
        if resolved["data"][split]:
            resolved["data"][split] = content(pipeline.path(resolved["data"][split]).resolve())
    providers = {(c.kind, c.type, c.provided.distribution, c.provided.version) for c in pipeline.components()}
    parts = [resolved, sorted(providers), sorted(_stamps(resolved["backbone"], pipeline.base_dir))]
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


@lru_cache(maxsize=64)
def content(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder; read once per process, since a grid's cells share their data."""
    if not path.is_dir():
        return sha256(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listing = [[file.relative_to(path).as_posix(), sha256(file)] for file in files]
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


def _stamps(section: dict[str, Any], base_dir: Path) -> Iterator[tuple[str, int, int]]:
    for name, value in section.items():
        if name == "type" or not isinstance(value, str) or not value:
            continue
        try:
            path = locate(base_dir, value)
            files = sorted(path.rglob("*")) if path.is_dir() else [path]
            for file in files:
                if file.is_file():
                    stat = file.stat()
                    yield file.name, stat.st_size, stat.st_mtime_ns
        except (OSError, ValueError):  # no path at all: a name too long, a null byte
            continue
