"""report.html: an evaluation as one page for people, of plain data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nlu_kit import report
from nlu_kit.data.prediction import OUT_OF_SCOPE
from nlu_kit.evaluation.errors import Error
from nlu_kit.evaluation.page_errors import errors_section
from nlu_kit.evaluation.page_head import head_section
from nlu_kit.evaluation.summary import Evaluation, Summary
from nlu_kit.evaluation.table import cost_rows, interval_text
from nlu_kit.report.html import page, section, table
from nlu_kit.report.numbers import percent
from nlu_kit.report.svg import tag, text

SERIES = 8


def filter_script() -> str:
    return Path(report.__file__).with_name("filter.js").read_text(encoding="utf-8")


def evaluation_page(evaluation: Evaluation) -> str:
    """The whole document; needs nothing but itself, and is complete without its script."""
    summary, errors = evaluation.summary, evaluation.errors
    title = f"{summary['name']}: evaluation"
    parts = [
        _header(summary, title),
        *(tag("p", text(note), class_="warning") for note in summary["notes"]),
        _gates(summary),
        _figures(summary),
        _scope(summary),
        *(head_section(summary, head) for head in summary["heads"]),
        _folds(summary),
        _cost(summary),
        _errors(summary, errors),
    ]
    script = filter_script() if errors else ""
    return page(*(part for part in parts if part), title=title, series=SERIES, script=script)


def _header(summary: Summary, title: str) -> str:
    what = (
        f"The model {summary['model']}"
        if summary["model"]
        else f"Cross-validation over {summary['folds']['count']} folds"
    )
    facts = (
        f"{what}, on {summary['utterances']:,} utterances of {summary['data']}. nlu-kit {summary['nlu_kit']}, "
        f"{summary['created']}."
    )
    return tag("header", tag("h1", text(title)), tag("p", text(facts), class_="facts"))


def tiles(items: Sequence[tuple[str, str, str]]) -> str:
    """(name, figure, what to know about it)."""
    made = [
        tag("div", tag("span", text(name)), tag("b", text(value)), tag("span", text(detail)), class_="tile")
        for name, value, detail in items
    ]
    return tag("div", *made, class_="tiles")


def _gates(summary: Summary) -> str:
    if not summary["gates"]:
        return ""
    rows = [
        [
            text(gate["metric"]),
            percent(gate["value"]),
            f"{gate['bound']} {100 * gate['limit']:g}",
            tag("span", text("passed" if gate["passed"] else "failed"), class_="verdict" + _wrong(gate["passed"])),
        ]
        for gate in summary["gates"]
    ]
    return section("Thresholds", table(["figure", "value", "threshold", ""], rows, class_="dense"))


def _wrong(right: bool) -> str:
    return "" if right else " wrong s2"


def _figures(summary: Summary) -> str:
    figures = summary["figures"]
    items = [(name, percent(figures[name]["value"]), _interval(figures[name]["interval"])) for name in summary["main"]]
    items += [
        (f"{name} calibration error", percent(head["calibration"]["ece"]), _before(head["calibration"]))
        for name, head in summary["heads"].items()
        if head["calibration"]
    ]
    items.append(("utterances with an error", f"{summary['errors']['utterances']:,}", f"of {summary['utterances']:,}"))
    rest = [name for name in figures if name not in summary["main"] and name.partition(".")[0] in summary["heads"]]
    groups: dict[str, list[list[str]]] = {}
    for name in rest:
        cells = [text(name), percent(figures[name]["value"]), _interval(figures[name]["interval"])]
        groups.setdefault(name.partition(".")[0], []).append(cells)
    tables = [table(["figure", "percent", "95 % interval"], rows, class_="dense") for rows in groups.values()]
    note = "In percent; in brackets the 95 % bootstrap interval over the utterances."
    return section("Figures", tiles(items), tag("div", *tables, class_="columns"), note=note)


def _interval(bounds: Sequence[float] | None) -> str:
    """In one piece, also on a phone."""
    return interval_text(bounds).replace(" ", "\N{NO-BREAK SPACE}")


def _before(calibration: Any) -> str:
    plain = calibration["ece_uncalibrated"]
    return "0 is best" if plain is None else f"0 is best; {percent(plain)} without calibration"


_SCOPE = {
    "recall": "of those out of scope, recognised",
    "precision": "of those rejected, out of scope",
    "false_rejection": "of those in scope, rejected",
    "in_scope_accuracy": "of those in scope, right and not rejected",
    "auroc": "AUROC of the score, whatever the threshold",
    "fpr95": "of those out of scope, accepted where 95 % in scope are",
}


def _scope(summary: Summary) -> str:
    """Nothing for a model without a detector."""
    scope, figures = summary["scope"], summary["figures"]
    rows = [
        [text(told), percent(found["value"]), _interval(found["interval"])]
        for name, told in _SCOPE.items()
        if (found := figures.get(f"{OUT_OF_SCOPE}.{name}"))
    ]
    if not rows:
        return ""
    note = f"{scope['out_of_scope']:,} utterances are out of scope, {scope['in_scope']:,} are not."
    if "threshold" in scope:
        note += f" Scores above {scope['threshold']:.6g} count as out of scope: {scope['chosen']}."
    return section("Out of scope", table(["utterances", "percent", "95 % interval"], rows, class_="dense"), note=note)


def _folds(summary: Summary) -> str:
    if not summary["folds"]:
        return ""
    mains = summary["main"]
    rows = [
        [
            text(row["fold"]),
            f"{row['utterances']:,}",
            *(percent(row["figures"][name]) if name in row["figures"] else "–" for name in mains),
        ]
        for row in summary["folds"]["rows"]
    ]
    note = (
        "Each fold was predicted by a model that had not seen it. The figures above are of all predictions together, "
        "not means of these."
    )
    return section("Folds", table(["fold", "utterances", *mains], rows), note=note)


def _cost(summary: Summary) -> str:
    if not summary["cost"]:
        return ""
    rows = [[text(name), text(value)] for name, value in cost_rows(summary["cost"])]
    return section(
        "Speed and size", table(["measured", "value"], rows, class_="dense"), note=_measured(summary["cost"])
    )


def _measured(cost: Any) -> str:
    count = cost["threads"]
    threads = f" with {count} thread{'' if count == 1 else 's'}" if cost["device"] == "cpu" else ""
    return f"On {cost['device']}{threads}, after a warm-up, from text to prediction."


def _errors(summary: Summary, errors: Sequence[Error]) -> str:
    if not errors:
        return section("Errors", note="Not one: every annotated utterance is entirely right.")
    return errors_section(errors, summary["errors"]["kinds"])
