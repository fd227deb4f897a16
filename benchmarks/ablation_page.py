"""The ablation's table in docs/accuracy.md, between two comments; what stands around it is written by hand."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from corpora import REPOSITORY
from levers import Lever

PAGE = REPOSITORY / "docs" / "accuracy.md"
BEGIN, END = "<!-- ablation: written by benchmarks/ablation.py -->\n", "<!-- end of ablation -->\n"
TITLES = {"snips": "SNIPS", "atis": "ATIS"}
FIGURES = {"intent.accuracy": "intent", "ner.f1": "span F1", "exact_match": "exact match"}
SEEDS = 3


def write_page(records: Sequence[Mapping[str, Any]], levers: Mapping[str, Lever]) -> None:
    """Replace the table. Levers without all seeds on either corpus are left out."""
    before, found, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise SystemExit(f"{PAGE} has no place for the table, between {BEGIN.strip()} and {END.strip()}")
    PAGE.write_text(f"{before}{BEGIN}\n{table(records, levers)}\n{END}{after}", encoding="utf-8")


def table(records: Sequence[Mapping[str, Any]], levers: Mapping[str, Lever]) -> str:
    """A row per lever: the mean over seeds of each figure, and how far its mean is from the base's, seed by seed. A
    dash stands where not all seeds were run."""
    runs = {(record["lever"], record["corpus"], record["seed"]): record for record in records}
    by_cell: dict[tuple[str, str], dict[int, Mapping[str, Any]]] = {}
    for (lever, corpus, seed), record in runs.items():
        by_cell.setdefault((lever, corpus), {})[seed] = record
    columns = [f"{TITLES[corpus]} {title}" for corpus in TITLES for title in FIGURES.values()]
    lines = [row(["Lever", *columns]), "|" + " --- |" * (len(columns) + 1)]
    for name, lever in levers.items():
        cells = [by_cell.get((name, corpus), {}) for corpus in TITLES]
        if all(len(cell) < SEEDS for cell in cells):
            continue
        figures = [
            figure(cell, by_cell[("base", corpus)], key, is_base=name == "base")
            for corpus, cell in zip(TITLES, cells, strict=True)
            for key in FIGURES
        ]
        lines.append(row([lever.title, *figures]))
    return "\n".join(lines) + "\n"


def figure(
    cell: Mapping[int, Mapping[str, Any]], base: Mapping[int, Mapping[str, Any]], key: str, *, is_base: bool
) -> str:
    """``89.62``, and for a lever the mean difference with the standard deviation of the seeds' differences."""
    if len(cell) < SEEDS:
        return "–"
    values = [record["dev"][key] for record in cell.values()]
    if is_base:
        return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"
    differences = [record["dev"][key] - base[seed]["dev"][key] for seed, record in cell.items()]
    mean = round(statistics.mean(differences), 2) + 0.0  # no "-0.00"
    return f"{statistics.mean(values):.2f} ({mean:+.2f} ± {statistics.stdev(differences):.2f})"


def row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
