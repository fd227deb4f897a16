"""Train a pipeline once per fold, let each model predict what it has not seen, and evaluate all that together."""

from __future__ import annotations

import hashlib
import random
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nlu_kit.config.pipeline import Pipeline
from nlu_kit.corpus.read import Corpus, read_corpus
from nlu_kit.corpus.split import split_dev
from nlu_kit.data.example import Example
from nlu_kit.errors import DataError, TrainingError
from nlu_kit.evaluation.predictions import Predictions
from nlu_kit.evaluation.summary import Evaluation, summarise
from nlu_kit.experiments.grid import Combination
from nlu_kit.experiments.plan import Plan, make_plan
from nlu_kit.experiments.runner import Results, Watcher, run_plan
from nlu_kit.registry import Registry

WORKER = "nlu_kit.evaluation.fold"
FOLDER = "folds"


def plan_folds(file: Path, *, folds: int, settings: Sequence[str], registry: Registry | None = None) -> Plan:
    """A cell per fold. Raises ConfigError or DataError for what is wrong with the pipeline or its data."""
    plan = make_plan(file, axes=(), settings=settings, seeds=1, registry=registry)
    fold_corpus(plan.pipelines[0], folds=folds, fold=1)  # data that can't be split says so before anything is trained
    (whole,) = plan.cells
    cells = []
    for fold in range(1, folds + 1):
        label = f"fold {fold} of {folds}"
        key = hashlib.sha256(f"{whole.key} {label}".encode()).hexdigest()[: len(whole.key)]
        combination = Combination(number=fold, choices=(("fold", str(fold)),), label=label)
        cells.append(replace(whole, combination=combination, key=key, extra={"fold": fold, "folds": folds}))
    return replace(plan, cells=tuple(cells))


def cross_validate(plan: Plan, output: Path, watcher: Watcher, *, keep_models: bool = False) -> Evaluation:
    """Run the folds that have no model yet, then predict and evaluate. Models are removed in the end, but not where
    the evaluation was not reached: the same call goes on from there.

    Raises TrainingError where a fold failed.
    """
    folder = output / FOLDER
    results = run_plan(plan, folder, watcher, keep_models=True, worker=WORKER)
    if results.failed:
        cell, error = results.failed[0]
        count = f"{len(results.failed)} of {len(plan.cells)} folds failed"
        raise TrainingError(f"{count}; the same command tries them again. The first, {cell.label}: {error}")
    evaluation = _evaluate(plan, results, folder)
    if not keep_models:
        for cell, record in results.records:
            shutil.rmtree(folder / "cells" / cell.key / record["run"] / "model", ignore_errors=True)
    return evaluation


def _evaluate(plan: Plan, results: Results, folder: Path) -> Evaluation:
    from nlu_kit.evaluation.evaluate import predict_examples, with_uncalibrated
    from nlu_kit.runtime.predictor import load

    (pipeline,) = plan.pipelines
    parts, rows = [], list[dict[str, Any]]()
    for cell, record in results.records:
        corpus = fold_corpus(pipeline, folds=len(plan.cells), fold=record["fold"])
        run = folder / "cells" / cell.key / record["run"]
        predictor = load(run / "model", device=record["device"], registry=pipeline.registry)
        parts.append(with_uncalibrated(predict_examples(predictor, corpus.test)[0], predictor))
        facts = {key: record[key] for key in ("fold", "sizes", "best_epoch", "epochs_run", "seconds")}
        rows.append({**facts, "utterances": record["sizes"]["held_out"], "figures": record["scores"], "run": str(run)})
    data = [pipeline.data.train, *([pipeline.data.dev] if pipeline.data.dev else [])]
    return summarise(
        Predictions(parts),
        name=pipeline.name,
        model=None,
        data=" + ".join(data),
        folds={"count": len(rows), "seed": pipeline.training.seed, "set": list(plan.settings), "rows": rows},
    )


def fold_corpus(pipeline: Pipeline, *, folds: int, fold: int) -> Corpus:
    """The corpus of one fold, which counts from 1: what is held out is its test set.

    Train and dev are pooled; the pipeline's own test set is left alone. From what is not held out a new dev set is
    split off, as ``split_dev`` does. The same for the same pipeline, data and seed. Raises DataError where there are
    too few utterances.
    """
    corpus = read_corpus(pipeline)
    pool = [*corpus.train, *corpus.dev]
    held = stratified(pool, folds=folds, seed=pipeline.training.seed)[fold - 1]
    inside = set(held)
    rest = [example for position, example in enumerate(pool) if position not in inside]
    train, dev = split_dev(pipeline, rest)
    return Corpus(train, dev, [pool[position] for position in held], dev_from_train=bool(dev))


def stratified(examples: Sequence[Example], *, folds: int, seed: int) -> list[list[int]]:
    """Positions by fold, each in order. Utterances that differ in letter case only stay together: a model that has
    trained on a text need not have understood it.

    Raises DataError where there are fewer different texts than folds.
    """
    twins: dict[str, list[int]] = defaultdict(list)
    for position, example in enumerate(examples):
        twins[example.text.casefold().strip()].append(position)
    if len(twins) < folds:
        raise DataError(f"{len(twins)} different utterances can't be split into {folds} folds; set a smaller --folds")
    strata: dict[tuple[object, bool, bool], list[list[int]]] = defaultdict(list)
    for group in twins.values():
        first = examples[group[0]]
        strata[first.intent, bool(first.entities), first.out_of_scope].append(group)
    generator = random.Random(seed)
    found = [list[int]() for _ in range(folds)]
    for groups in strata.values():
        generator.shuffle(groups)
        own = [0] * folds
        for group in groups:  # to the fold that has fewest of this stratum, and of those to the smallest
            target = min(range(folds), key=lambda fold: (own[fold], len(found[fold])))
            own[target] += len(group)
            found[target] += group
    return [sorted(fold) for fold in found]
