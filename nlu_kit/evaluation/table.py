"""An evaluation as plain text, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nlu_kit.evaluation.summary import Summary
from nlu_kit.report.matrix import most_confused
from nlu_kit.report.numbers import columns, megabytes, percent

WORST = 5


def table_lines(summary: Summary) -> list[str]:
    """Figures with intervals, calibration, the worst labels, cost, and what there is to mind."""
    lines = [f"{summary['name']}: {summary['utterances']:,} utterances of {summary['data']}, in percent", ""]
    lines += columns(["figure", "value", "95 % interval"], _figure_rows(summary))
    if "threshold" in summary["scope"]:
        lines += ["", f"out of scope: scores above {summary['scope']['threshold']:.6g} ({summary['scope']['chosen']})"]
    lines += _worst(summary)
    if summary["cost"]:
        lines += ["", *columns(None, cost_rows(summary["cost"]))]
    if summary["folds"]:
        lines += ["", *_fold_lines(summary)]
    unseen = ", ".join(f"{name} {head['unseen']:,}" for name, head in summary["heads"].items())
    lines += ["", f"truncated utterances {summary['truncated']:,}; labels unseen in training: {unseen}"]
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in summary["errors"]["kinds"].items())
    lines.append(f"utterances with an error {summary['errors']['utterances']:,}" + (f" ({kinds})" if kinds else ""))
    lines += [f"note: {note}" for note in summary["notes"]]
    return lines + [_gate_line(gate) for gate in summary["gates"]]


def interval_text(interval: Sequence[float] | None) -> str:
    """``[96.22, 99.11]``, or nothing."""
    return "" if interval is None else f"[{percent(interval[0])}, {percent(interval[1])}]"


def cost_rows(cost: Mapping[str, Any]) -> list[list[str]]:
    """(what, how much), as text."""
    latency = cost["latency_ms"]
    return [
        [f"latency p50, one text ({latency['texts']:,} texts)", f"{latency['p50']:.1f} ms"],
        ["latency p99", f"{latency['p99']:.1f} ms"],
        [f"throughput, batches of {cost['batch_size']}", f"{cost['throughput']:,.0f} texts/s"],
        ["peak memory", megabytes(cost["peak_memory_mb"])],
        ["model on disk", megabytes(cost["model_mb"])],
        ["parameters", f"{cost['parameters']:,}"],
    ]


def _figure_rows(summary: Summary) -> list[list[str]]:
    figures = summary["figures"]
    order = [*summary["main"], *(name for name in figures if name not in summary["main"])]
    return [[name, percent(figures[name]["value"]), interval_text(figures[name]["interval"])] for name in order]


def _worst(summary: Summary) -> list[str]:
    lines = []
    for name, head in summary["heads"].items():
        rows = sorted((row for row in head["labels"] if row["support"] and row["f1"] < 1), key=lambda row: row["f1"])
        if rows:
            worst = ", ".join(f"{row['label']} {percent(row['f1'])} ({row['support']:,})" for row in rows[:WORST])
            lines.append(f"{name}, lowest F1 (of how many): {worst}")
        if head["confusion"]:
            pairs = most_confused(head["confusion"]["labels"], head["confusion"]["counts"], most=WORST)
            if pairs:
                named = ", ".join(f"{pair.gold} as {pair.predicted} {pair.count:,}" for pair in pairs)
                lines.append(f"{name}, confused most: {named}")
    return ["", *lines] if lines else []


def _fold_lines(summary: Summary) -> list[str]:
    mains = summary["main"]
    rows = [
        [
            f"{row['fold']}",
            f"{row['utterances']:,}",
            *(percent(row["figures"][m]) if m in row["figures"] else "–" for m in mains),
        ]
        for row in summary["folds"]["rows"]
    ]
    return columns(["fold", "utterances", *mains], rows)


def _gate_line(gate: Mapping[str, Any]) -> str:
    verdict = "passed" if gate["passed"] else "failed"
    return f"{verdict}: {gate['metric']} {percent(gate['value'])}, {gate['bound']} {100 * gate['limit']:g}"
