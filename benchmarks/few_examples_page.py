"""The table of docs/accuracy.md on few examples, between two comments, and its plot; the rest is written by hand."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from corpora import REPOSITORY

PAGE = REPOSITORY / "docs" / "accuracy.md"
PLOT = REPOSITORY / "docs" / "few_examples.svg"
BEGIN, END = "<!-- few examples: written by benchmarks/few_examples.py -->\n", "<!-- end of few examples -->\n"
Records = Sequence[Mapping[str, Any]]


def write_page(records: Records) -> None:
    """Replace table and plot. Raises SystemExit where the page has no place for them, or matplotlib is missing."""
    before, found, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise SystemExit(f"{PAGE} has no place for the table, between {BEGIN.strip()} and {END.strip()}")
    plot(records)
    PAGE.write_text(f"{before}{BEGIN}\n{table(records)}\n{END}{after}", encoding="utf-8")


def grouped(records: Records) -> dict[str, dict[int, list[float]]]:
    """Percent by method and by examples an intent, one figure a subset."""
    found: dict[str, dict[int, list[float]]] = {}
    for record in sorted(records, key=lambda one: (one["examples"], one["subset"])):
        found.setdefault(record["method"], {}).setdefault(record["examples"], []).append(100 * record["accuracy"])
    return found


def table(records: Records) -> str:
    """A row per method, a column per number of examples: mean, standard deviation where there are several subsets, and
    of how many."""
    found = grouped(records)
    counts = sorted({count for figures in found.values() for count in figures})
    lines = ["| examples an intent | " + " | ".join(map(str, counts)) + " |", "|" + " --- |" * (len(counts) + 1)]
    for method, figures in found.items():
        lines.append(f"| {method} | " + " | ".join(_cell(figures.get(count, [])) for count in counts) + " |")
    return "\n".join(lines) + "\n"


def _cell(values: Sequence[float]) -> str:
    if len(values) < 2:
        return f"{values[0]:.2f} (1)" if values else "–"
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f} ({len(values)})"


def plot(records: Records) -> None:
    """A line per method that was measured at three numbers of examples, or more."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise SystemExit("the plot needs matplotlib: pip install matplotlib") from None
    mpl.rcParams["svg.hashsalt"] = "nlu-kit"  # the same figures give the same file
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for method, figures in grouped(records).items():
        counts = sorted(figures)
        if len(counts) >= 3:
            means = [statistics.mean(figures[count]) for count in counts]
            spread = [statistics.stdev(figures[count]) if len(figures[count]) > 1 else 0.0 for count in counts]
            axes.errorbar(counts, means, yerr=spread, marker="o", markersize=3, capsize=2, label=method)
    axes.set(xscale="log", xlabel="examples an intent", ylabel="accuracy on CLINC150's test, percent")
    every = sorted({record["examples"] for record in records})
    axes.set_xticks(every, [str(count) for count in every])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(PLOT, metadata={"Date": None})
