"""compare.html: the comparison as one page, of plain data, for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from nlu_kit.comparison.comparison_table import against, figures_table, interval
from nlu_kit.report.bars import Bar, bar_chart
from nlu_kit.report.curves import Series, learning_curves
from nlu_kit.report.numbers import p_value, points
from nlu_kit.report.pages import page
from nlu_kit.report.scatter import Cloud, scatter

Summary = Mapping[str, Any]
_EXACT = "exact_match"


def compare_page(summary: Summary) -> str:
    """The whole document; needs nothing but itself."""
    columns, figures = _figures(summary)
    return page(
        "comparison.html",
        title=f"{summary['name']}: comparison",
        series=max(row["number"] for row in summary["combinations"]),
        facts=_facts(summary),
        notes=summary["notes"],
        evaluated_on=summary["evaluated_on"],
        combinations=summary["combinations"],
        columns=columns,
        figures=figures,
        better=_better(summary),
        bars=_bars(summary),
        trade_off=_trade_off(summary),
        curves=_curves(summary),
        failed=summary["failed"],
        pipeline=json.dumps(summary["pipeline"], indent=2, ensure_ascii=False),
    )


def _facts(summary: Summary) -> str:
    count, seeds = len(summary["combinations"]), summary["seeds"]
    varied = ", ".join(summary["vary"]) or "nothing but the seed"
    return (
        f"{count} combination{'s' if count > 1 else ''} × {seeds} seed{'s' if seeds > 1 else ''}, varying {varied}. "
        f"Figures on {summary['evaluated_on']}, {summary['utterances']:,} utterances. "
        f"nlu-kit {summary['nlu_kit']}, {summary['created']}."
    )


def _figures(summary: Summary) -> tuple[list[str], list[dict[str, Any]]]:
    """(column names, rows of cells); the best of each metric is marked."""
    columns, rows = figures_table(summary)
    metrics = [metric["name"] for metric in summary["metrics"]]
    top = {name: max(row["metrics"][name]["mean"] for row in summary["combinations"]) for name in metrics}
    found = []
    for cells, combination in zip(rows, summary["combinations"], strict=True):
        best = [combination["metrics"][name]["mean"] == top[name] for name in metrics]
        marked = zip(cells[1:], [*best, False, False, False], strict=True)  # epoch, time and memory have no best
        found.append({**_named(combination), "cells": [{"text": text, "best": is_best} for text, is_best in marked]})
    return columns, found


def _named(combination: Mapping[str, Any]) -> dict[str, Any]:
    return {"number": combination["number"], "label": combination["label"]}


def _better(summary: Summary) -> dict[str, Any] | None:
    if len(summary["combinations"]) < 2 or not summary["comparisons"]:
        return None
    metrics = list(summary["comparisons"])
    rows = [
        {**_named(row), "pairs": [_pair(summary["comparisons"][name], row["number"]) for name in metrics]}
        for row in summary["combinations"]
    ]
    return {"metrics": metrics, "rows": rows}


def _pair(test: Mapping[str, Any], number: int) -> dict[str, str] | None:
    """A combination against the best; None for the best itself."""
    if number == test["best"]:
        return None
    pair = against(test, test["best"], number)
    behind = {"low": -pair["high"], "high": -pair["low"]}
    return {"difference": points(-pair["difference"]), "detail": f"{interval(behind)}, p {p_value(pair['p'])}"}


def _bars(summary: Summary) -> list[tuple[str, Markup]]:
    charts = []
    for metric in (metric["name"] for metric in summary["metrics"]):
        bars = []
        for row in summary["combinations"]:
            found = row["metrics"][metric]
            edges = tuple(found["interval"]) if found.get("interval") else None
            bars.append(Bar(row["number"], row["label"], found["mean"], found["by_seed"], edges))
        charts.append((metric, bar_chart(bars, name=metric)))
    return charts


def _trade_off(summary: Summary) -> dict[str, Any] | None:
    """The first two heads; nothing for a single one."""
    mains = [metric["name"] for metric in summary["metrics"] if metric["name"] != _EXACT][:2]
    if len(mains) < 2:
        return None
    first, second = mains
    clouds = [
        Cloud(
            row["number"],
            row["label"],
            list(zip(row["metrics"][first]["by_seed"], row["metrics"][second]["by_seed"], strict=True)),
        )
        for row in summary["combinations"]
    ]
    return {"up": second, "drawing": scatter(clouds, x_name=first, y_name=second)}


def _curves(summary: Summary) -> list[tuple[str, Markup]]:
    charts = []
    for metric in (metric["name"] for metric in summary["metrics"]):
        series = []
        for row in summary["combinations"]:
            runs = [run["epochs"] for run in summary["runs"] if run["combination"] == row["number"]]
            curves = [[epoch["dev"][metric] for epoch in run if metric in epoch["dev"]] for run in runs]
            if all(curves):
                series.append(Series(row["number"], row["label"], curves))
        if series:
            charts.append((metric, learning_curves(series, name=metric)))
    return charts
