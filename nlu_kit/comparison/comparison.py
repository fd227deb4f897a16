"""From the records of all cells to what compare.json holds: figures over the seeds, and who is really better."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from nlu_kit import __version__
from nlu_kit.config.check import load_pipeline
from nlu_kit.corpus.split import ENOUGH
from nlu_kit.errors import ConfigError
from nlu_kit.experiments.grid import Combination, json_value
from nlu_kit.experiments.plan import Plan
from nlu_kit.experiments.runner import Results
from nlu_kit.experiments.worker import counts_from_json
from nlu_kit.metrics.bootstrap import Outcomes, bounds, difference, resample
from nlu_kit.model.score import EXACT_MATCH

Record = Mapping[str, Any]


def summarise(plan: Plan, results: Results) -> dict[str, Any]:
    """The whole comparison as plain JSON data; ``docs/compare.md`` explains its keys. There is at least one record."""
    records = [record for _, record in results.records]
    metrics = _metrics(records)
    rows = {
        combination.number: [record for cell, record in results.records if cell.combination is combination]
        for combination in plan.combinations
    }
    rows = {number: own for number, own in rows.items() if own}
    tests, why_not = pairwise(rows, metrics)
    combinations = [_combination(c, rows[c.number], metrics) for c in plan.combinations if c.number in rows]
    for row in combinations:
        for metric, test in tests.items():
            row["metrics"][metric]["interval"] = test["intervals"][row["number"]]
    return {
        "format": 1,
        "nlu_kit": __version__,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "name": plan.pipelines[0].name,
        "evaluated_on": records[0]["evaluated_on"],
        "utterances": records[0]["utterances"],
        "seeds": plan.seeds,
        "vary": {axis.path: [json_value(value) for value in axis.values] for axis in plan.axes},
        "set": list(plan.settings),
        "pipeline": _base(plan),
        "metrics": [{"name": name, "resampled": name in tests} for name in metrics],
        "combinations": combinations,
        "comparisons": {name: {"best": test["best"], "pairs": test["pairs"]} for name, test in tests.items()},
        "runs": [
            {
                "combination": cell.combination.number,
                **{key: value for key, value in record.items() if key not in ("counts", "format")},
                "run": f"cells/{cell.key}/{record['run']}",
            }
            for cell, record in results.records
        ],
        "failed": [
            {"combination": cell.combination.number, "label": cell.combination.label, "seed": cell.seed, "error": error}
            for cell, error in results.failed
        ],
        "notes": _notes(plan, records, results, why_not),
    }


def spread(values: Sequence[float]) -> dict[str, Any]:
    """``mean`` and ``sd`` (of a sample; None for a single value) over the seeds, whose values are ``by_seed``."""
    return {
        "mean": statistics.fmean(values),
        "sd": statistics.stdev(values) if len(values) > 1 else None,
        "by_seed": list(values),
    }


def _metrics(records: Sequence[Record]) -> list[str]:
    """Every head's main metric, in the pipeline's order, then exact match; those that every record has."""
    names = dict.fromkeys(name for record in records for name in record["main"] if name != EXACT_MATCH)
    return [name for name in [*names, EXACT_MATCH] if all(name in record["scores"] for record in records)]


def _combination(combination: Combination, records: Sequence[Record], metrics: Sequence[str]) -> dict[str, Any]:
    over = {name: spread([record[name] for record in records]) for name in _COSTS}
    dev = [name for name in metrics if all(name in record["dev"] for record in records)]
    return {
        "number": combination.number,
        "label": combination.label or "the pipeline as it is",
        "values": {path: json_value(value) for path, value in combination.choices},
        "overrides": list(combination.overrides),
        "seeds": [record["seed"] for record in records],
        "metrics": {name: spread([record["scores"][name] for record in records]) for name in metrics},
        "dev": {name: spread([record["dev"][name] for record in records]) for name in dev},
        **over,
    }


_COSTS = ("best_epoch", "epochs_run", "seconds", "peak_memory_mb")


def _base(plan: Plan) -> dict[str, Any]:
    """The pipeline before anything is varied; where it is not valid by itself, the first combination's."""
    try:
        return load_pipeline(plan.file, overrides=plan.settings, registry=plan.pipelines[0].registry).to_json()
    except ConfigError:
        return plan.pipelines[0].to_json()


def _notes(plan: Plan, records: Sequence[Record], results: Results, why_not: str) -> list[str]:
    notes = []
    if records[0]["evaluated_on"] == "dev":
        count = records[0]["utterances"]
        chosen = ", on which each run's best epoch was chosen, so they are too good" if count >= ENOUGH else ""
        notes.append(f"The pipeline names no test set: all figures are of the dev set{chosen}. Set data.test.")
        if count < ENOUGH:
            notes.append(
                f"{count} utterances say little of which is better; nlu-kit evaluate --folds 5 uses all of them."
            )
    if plan.seeds == 1:
        notes.append("One seed: how much the figures vary from run to run is unknown. Use --seeds 3 or more.")
    if why_not:
        notes.append(why_not)
    for name, what in (("device", "devices"), ("precision", "precisions")):
        found = sorted({record[name] for record in records})
        if len(found) > 1:
            notes.append(f"The runs were on several {what} ({', '.join(found)}): don't compare their times or memory.")
    if results.failed:
        notes.append(f"{len(results.failed)} of {len(plan.cells)} runs failed; the figures are of the others.")
    return notes


Records = Sequence[Mapping[str, Any]]


def pairwise(rows: Mapping[int, Records], metrics: Sequence[str]) -> tuple[dict[str, dict[str, Any]], str]:
    """For each metric that is a ratio of counts: ``best`` (the number of the combination with the highest mean),
    ``intervals`` by number, and all ``pairs``; and why any has none of these, or "".

    Each is resampled over the utterances that it counts.
    """
    everything = [record for records in rows.values() for record in records]
    if len({record["utterances_sha256"] for record in everything}) > 1:
        return {}, (
            "The runs were not all evaluated on the same utterances (without data.dev, each seed splits off its own "
            "dev set), so there are no intervals and no p. Set data.test."
        )
    ratios = [name for name in metrics if all(name in record["counts"] for record in everything)]
    others = ", ".join(name for name in metrics if name not in ratios)
    why_not = f"No intervals and no p for {others}: not a ratio of counts over utterances." if others else ""
    return {name: _test(name, rows) for name in ratios}, why_not


def _test(metric: str, rows: Mapping[int, Records]) -> dict[str, Any]:
    numbers = list(rows)
    systems = [
        Outcomes.of([counts_from_json(record["counts"][metric]) for record in records]) for records in rows.values()
    ]
    values = resample(systems)
    best = max(range(len(systems)), key=lambda position: systems[position].value())
    return {
        "best": numbers[best],
        "intervals": {
            number: list(bounds(system, row)) for number, system, row in zip(numbers, systems, values, strict=True)
        },
        "pairs": [
            {"a": numbers[a], "b": numbers[b], **asdict(difference(systems[a], systems[b], values[a], values[b]))}
            for a, b in itertools.permutations(range(len(systems)), 2)
        ],
    }
