"""Two models as plain text, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nlu_kit.data.printable import one_line
from nlu_kit.evaluation.diff import BETTER, WORSE
from nlu_kit.report.numbers import columns, p_value, percent, points

SHOWN = 5

FIGURES = ["figure", "A", "B", "B − A", "95 % interval", "p that B is not better"]
RIGHT = ["right", "better", "worse", "both right", "both wrong", "p (McNemar)"]


def diff_lines(summary: Mapping[str, Any]) -> list[str]:
    """Figures, how many utterances changed, and the first of those that got worse."""
    first, second = summary["models"]
    lines = [
        f"A {first}",
        f"B {second}",
        f"on {summary['utterances']:,} utterances of {summary['data']}, in percent",
        "",
    ]
    lines += [*columns(FIGURES, figure_rows(summary)), "", *columns(RIGHT, right_rows(summary))]
    worse = [change for change in summary["changes"] if change["change"] == WORSE]
    if worse:
        lines += ["", f"worse in B ({len(worse):,}):"]
        lines += [f"  {one_line(change['text'])}  ({_heads(change)}; {change['source']})" for change in worse[:SHOWN]]
        lines += [f"  … and {len(worse) - SHOWN:,} more"] if len(worse) > SHOWN else []
    lines += [f"note: {note}" for note in summary["notes"]]
    if summary["gate"] is not None:
        gate = summary["gate"]
        verdict = "passed" if gate["passed"] else "failed"
        lines.append(
            f"{verdict}: {gate['regressions']:,} utterances got worse, at most {gate['max_regressions']:,} may"
        )
    return lines


def figure_rows(summary: Mapping[str, Any]) -> list[list[str]]:
    """The cells of FIGURES."""
    rows = []
    for name, found in summary["figures"].items():
        test = found["test"]
        interval = "" if test is None else f"[{points(test['low'])}, {points(test['high'])}]"
        p = "" if test is None else p_value(test["p"])
        delta = points(found["second"] - found["first"])
        rows.append([name, percent(found["first"]), percent(found["second"]), delta, interval, p])
    return rows


def right_rows(summary: Mapping[str, Any]) -> list[list[str]]:
    """The cells of RIGHT."""
    keys = (BETTER, WORSE, "both_right", "both_wrong")
    return [
        [name, *(f"{counts[key]:,}" for key in keys), p_value(counts["p"])] for name, counts in summary["right"].items()
    ]


def _heads(change: Mapping[str, Any]) -> str:
    return ", ".join(f"{head} {how}" for head, how in change["heads"].items())
