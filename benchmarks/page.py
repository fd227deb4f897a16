"""docs/benchmarks.md, from what accuracy.py measured."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Mapping
from typing import Any

from corpora import REPOSITORY

PAGE = REPOSITORY / "docs" / "benchmarks.md"
NAMES = {
    "intent.accuracy": "intent accuracy",
    "ner.f1": "span F1",
    "exact_match": "exact match",
    "out_of_scope.in_scope_accuracy": "in-scope accuracy",
    "out_of_scope.recall": "out-of-scope recall",
    "out_of_scope.auroc": "AUROC",
}
INTRODUCTION = """\
# Benchmarks

Written by `python benchmarks/accuracy.py`; every run is in `benchmarks/results/accuracy.json`. The encoder is the
embedded all-MiniLM-L6-v2 (22.6 million parameters), the pipelines are in `benchmarks/pipelines/`. No setting was chosen
on test, which was read once per run. Figures are in percent. Span F1 is strict and counts characters of the raw text;
labels that train never had count as wrong. In-scope accuracy counts a rejected utterance as wrong.

Published figures stand below each table. They are not made alike: those of DistilBERT are from a
[table](https://github.com/monologg/JointBERT#results) that records the best result of 5 to 10 epochs. In ours, dev
chooses the epoch, and the last row is the mean over three seeds.
"""


def write_page(results: Mapping[str, Any], corpora: Mapping[str, Any]) -> None:
    """``results``: by corpus, a record per seed."""
    parts = [INTRODUCTION, *(section(corpora[name], results[name]) for name in corpora if results.get(name))]
    runs = [entry for entries in results.values() for entry in entries]
    machines = {f"{run['machine']} ({run['device']}, {run['precision']}, {run['date']})" for run in runs}
    measured = (
        f"Measured on: {'; '.join(sorted(machines))}. Minutes, examples per second and memory are of training, with "
        "whatever else ran on that machine; compare them only within one table."
    )
    parts.append(textwrap.fill(measured, 120) + "\n")
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def section(corpus: Any, entries: list[dict[str, Any]]) -> str:
    """A row per seed, and the mean over them."""
    columns = ["seed", *(NAMES[name] for name in corpus.metrics)]
    columns += ["best epoch", "epochs", "minutes", "examples/s", "peak memory"]
    lines = [f"## {corpus.title}", "", row(columns), "|" + " --- |" * len(columns)]
    for entry in entries:
        figures = [f"{entry['test'][name]:.2f}" for name in corpus.metrics]
        cost = [entry["best_epoch"], entry["epochs_run"], f"{entry['seconds'] / 60:.1f}"]
        cost += [entry["examples_per_second"], f"{entry['peak_memory_mb']} MB"]
        lines.append(row([entry["seed"], *figures, *cost]))
    blank = [""] * 5
    if len(entries) > 1:
        lines.append(
            row(["mean ± sd", *(spread([e["test"][name] for e in entries]) for name in corpus.metrics), *blank])
        )
    published = ["", f"Published: {corpus.reference}."] if corpus.reference else []
    return "\n".join([*lines, *published, ""])


def spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"


def row(cells: list[Any]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
