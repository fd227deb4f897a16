"""compare.html: the comparison as one page, of plain data, for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nlu_kit.comparison.comparison_table import against, figures_table, interval
from nlu_kit.report.bars import Bar, bar_chart
from nlu_kit.report.curves import Series, learning_curves
from nlu_kit.report.html import chip, figure, page, section, table
from nlu_kit.report.numbers import p_value, points
from nlu_kit.report.scatter import Cloud, scatter
from nlu_kit.report.svg import tag, text

Summary = Mapping[str, Any]
_EXACT = "exact_match"


def compare_page(summary: Summary) -> str:
    """The whole document; needs nothing but itself."""
    parts = [_header(summary), *(tag("p", text(note), class_="warning") for note in summary["notes"])]
    parts.append(_table(summary))
    if len(summary["combinations"]) > 1 and summary["comparisons"]:
        parts.append(_better(summary))
    parts += [_bars(summary), _trade_off(summary), _curves(summary), _failed(summary), _pipeline(summary)]
    count = max(row["number"] for row in summary["combinations"])
    return page(*(part for part in parts if part), title=f"{summary['name']}: comparison", series=count)


def _header(summary: Summary) -> str:
    count, seeds = len(summary["combinations"]), summary["seeds"]
    varied = ", ".join(summary["vary"]) or "nothing but the seed"
    facts = (
        f"{count} combination{'s' if count > 1 else ''} × {seeds} seed{'s' if seeds > 1 else ''}, varying {varied}. "
        f"Figures on {summary['evaluated_on']}, {summary['utterances']:,} utterances. "
        f"nlu-kit {summary['nlu_kit']}, {summary['created']}."
    )
    return tag("header", tag("h1", text(f"{summary['name']}: comparison")), tag("p", text(facts), class_="facts"))


def _table(summary: Summary) -> str:
    names, rows = figures_table(summary)
    metrics = [metric["name"] for metric in summary["metrics"]]
    top = {name: max(row["metrics"][name]["mean"] for row in summary["combinations"]) for name in metrics}
    cells = []
    for row, combination in zip(rows, summary["combinations"], strict=True):
        best = [combination["metrics"][name]["mean"] == top[name] for name in metrics]
        figures = [
            tag("span", text(cell), class_="best") if is_best else text(cell)
            for cell, is_best in zip(row[1:], [*best, False, False, False], strict=True)
        ]
        cells.append([chip(combination["number"], combination["label"]), *figures])
    note = (
        "In percent, mean ± standard deviation over the seeds; the best of each column is bold. Best epoch, time and "
        "memory are those of one run, on average."
    )
    return section("Figures", table(names, cells, class_="figures"), note=note)


def _better(summary: Summary) -> str:
    metrics = list(summary["comparisons"])
    rows = [
        [chip(row["number"], row["label"]), *(_pair(summary, name, row["number"]) for name in metrics)]
        for row in summary["combinations"]
    ]
    note = (
        "Each combination against the best of its column: the difference in percentage points with its 95 % interval, "
        "and p, the share of 10,000 resamples of the test utterances in which the best is not better (ties count "
        "half). A small p says that the lead would hold on other utterances of this kind, with these trained models; "
        "how much another seed changes is what ± tells above. p is not corrected for how many combinations there are."
    ).replace("test utterances", f"{summary['evaluated_on']} utterances")
    return section("Is the best really better?", table(["combination", *metrics], rows), note=note)


def _pair(summary: Summary, metric: str, number: int) -> str:
    test = summary["comparisons"][metric]
    if number == test["best"]:
        return tag("span", "best", class_="best")
    pair = against(test, test["best"], number)
    behind = {"low": -pair["high"], "high": -pair["low"]}
    detail = tag("span", text(f"{interval(behind)}, p {p_value(pair['p'])}"), class_="tiny")
    return tag("span", text(points(-pair["difference"])), detail)


def _legend(summary: Summary) -> str:
    items = (tag("li", chip(row["number"], row["label"])) for row in summary["combinations"])
    return tag("ul", *items, class_="legend")


def _bars(summary: Summary) -> str:
    figures = []
    for metric in (metric["name"] for metric in summary["metrics"]):
        bars = []
        for row in summary["combinations"]:
            found = row["metrics"][metric]
            edges = tuple(found["interval"]) if found.get("interval") else None
            bars.append(Bar(row["number"], row["label"], found["mean"], found["by_seed"], edges))
        figures.append(figure(metric, bar_chart(bars, name=metric)))
    note = (
        f"Means over the seeds; the line is the 95 % bootstrap interval over the {summary['evaluated_on']} utterances, "
        "each dot a seed."
    )
    return section("Figures with intervals", tag("div", *figures, class_="charts"), note=note)


def _trade_off(summary: Summary) -> str:
    """The first two heads; nothing for a single one."""
    mains = [metric["name"] for metric in summary["metrics"] if metric["name"] != _EXACT][:2]
    if len(mains) < 2:
        return ""
    first, second = mains
    clouds = [
        Cloud(
            row["number"],
            row["label"],
            list(zip(row["metrics"][first]["by_seed"], row["metrics"][second]["by_seed"], strict=True)),
        )
        for row in summary["combinations"]
    ]
    note = "Up and to the right is better. A filled mark is a mean, an open one a seed. The axes need not begin at 0."
    drawing = figure(f"↑ {second}", scatter(clouds, x_name=first, y_name=second), class_="trade")
    return section("Trade-off", _legend(summary), drawing, note=note)


def _curves(summary: Summary) -> str:
    figures = []
    for metric in (metric["name"] for metric in summary["metrics"]):
        series = []
        for row in summary["combinations"]:
            runs = [run["epochs"] for run in summary["runs"] if run["combination"] == row["number"]]
            curves = [[epoch["dev"][metric] for epoch in run if metric in epoch["dev"]] for run in runs]
            if all(curves):
                series.append(Series(row["number"], row["label"], curves))
        if series:
            figures.append(figure(metric, learning_curves(series, name=metric)))
    note = (
        "On dev, in percent: the mean over the seeds, in a band from the lowest to the highest. Dotted: the mean of "
        "the seeds that had not stopped yet."
    )
    return section("Learning curves", _legend(summary), tag("div", *figures, class_="charts"), note=note)


def _failed(summary: Summary) -> str:
    if not summary["failed"]:
        return ""
    items = [
        tag("li", tag("strong", text(f"{run['label']}, seed {run['seed']}")), tag("pre", text(run["error"])))
        for run in summary["failed"]
    ]
    return section("Runs that failed", tag("ul", *items))


def _pipeline(summary: Summary) -> str:
    rows = [
        [chip(row["number"], row["label"]), "<br>".join(tag("code", text(o)) for o in row["overrides"]) or "nothing"]
        for row in summary["combinations"]
    ]
    resolved = json.dumps(summary["pipeline"], indent=2, ensure_ascii=False)
    shown = tag("details", tag("summary", "The pipeline, with every default"), tag("pre", text(resolved)))
    return section("What was run", table(["combination", "what it sets"], rows, class_="sets"), shown)
