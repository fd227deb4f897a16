"""The comparison as plain text, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nlu_kit.report.numbers import columns, epochs, mean_sd, megabytes, p_value, percent, points, seconds


def table_lines(summary: Mapping[str, Any]) -> list[str]:
    """What was evaluated, a row per combination, who is really better, and what there is to mind."""
    seeds = f"{summary['seeds']} seed" + ("s" if summary["seeds"] > 1 else "")
    evaluated = f"{summary['evaluated_on']} ({summary['utterances']:,} utterances)"
    lines = [f"{summary['name']}: figures on {evaluated} in percent, mean ± sd over {seeds}", ""]
    lines += columns(*figures_table(summary))
    lines += better_lines(summary)
    return lines + [f"note: {note}" for note in summary["notes"]]


def figures_table(summary: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """(column names, rows), all text."""
    metrics = [metric["name"] for metric in summary["metrics"]]
    names = ["combination", *metrics, "best epoch", "time", "peak memory"]
    rows = [
        [
            f"{row['number']} {row['label']}",
            *(mean_sd(row["metrics"][metric]) for metric in metrics),
            epochs(row["best_epoch"]["mean"]),
            seconds(row["seconds"]["mean"]),
            megabytes(row["peak_memory_mb"]["mean"]),
        ]
        for row in summary["combinations"]
    ]
    return names, rows


def better_lines(summary: Mapping[str, Any]) -> list[str]:
    """For each metric the best combination, and how sure it is that each other one is worse."""
    if len(summary["combinations"]) < 2:
        return [""]
    labels = {row["number"]: row["label"] for row in summary["combinations"]}
    lines = []
    for metric, test in summary["comparisons"].items():
        best = test["best"]
        lines += ["", f"{metric}: is {best} {labels[best]} really the best? (difference [95 % interval], p)"]
        rows = [
            [f"  than {number} {label}", points(pair["difference"]), interval(pair), f"p {p_value(pair['p'])}"]
            for number, label in labels.items()
            if number != best
            for pair in [against(test, best, number)]
        ]
        lines += columns(None, rows)
    return [*lines, ""]


def against(test: Mapping[str, Any], a: int, b: int) -> Mapping[str, Any]:
    """The pair of these numbers: ``a`` minus ``b``."""
    found: Mapping[str, Any] = next(pair for pair in test["pairs"] if (pair["a"], pair["b"]) == (a, b))
    return found


def interval(pair: Mapping[str, Any]) -> str:
    return f"[{points(pair['low'])}, {points(pair['high'])}]"


def cell_line(record: Mapping[str, Any]) -> str:
    """One finished run: its main figures, the epoch that it kept and how long it took."""
    scores = record["scores"]
    figures = "  ".join(f"{name} {percent(scores[name])}" for name in record["main"] if name in scores)
    return f"{figures}  epoch {record['best_epoch']} kept  {seconds(record['seconds'])}"
