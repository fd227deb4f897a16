"""report.html: an evaluation as one page for people, of plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from nlu_kit.data.prediction import OUT_OF_SCOPE
from nlu_kit.evaluation.cards import CARDS, Card, card
from nlu_kit.evaluation.mistakes import Error
from nlu_kit.evaluation.summary import Evaluation, Summary
from nlu_kit.evaluation.table import cost_rows, interval_text
from nlu_kit.report.bars import LabelBar, label_bars
from nlu_kit.report.matrix import MOST, confusion_matrix, most_confused, reduce
from nlu_kit.report.numbers import percent
from nlu_kit.report.pages import page
from nlu_kit.report.reliability import Bin, confidence_histogram, reliability_diagram

SERIES = 8
BARS = 24  # labels drawn at once, the worst first
PAIRS = 15
_SCOPE = {
    "recall": "of those out of scope, recognised",
    "precision": "of those rejected, out of scope",
    "false_rejection": "of those in scope, rejected",
    "in_scope_accuracy": "of those in scope, right and not rejected",
    "auroc": "AUROC of the score, whatever the threshold",
    "fpr95": "of those out of scope, accepted where 95 % in scope are",
}

Row = Mapping[str, Any]


def evaluation_page(evaluation: Evaluation) -> str:
    """The whole document; needs nothing but itself, and is complete without its script."""
    summary, errors = evaluation.summary, evaluation.errors
    filters, cards = error_cards(errors, summary["errors"]["kinds"])
    return page(
        "evaluation.html",
        title=f"{summary['name']}: evaluation",
        series=SERIES,
        script="filter.js" if errors else "",
        facts=_facts(summary),
        notes=summary["notes"],
        gates=summary["gates"],
        tiles=_tiles(summary),
        figures=_figures(summary),
        scope=_scope(summary),
        heads=[found for name in summary["heads"] if (found := _head(name, summary["heads"][name]))],
        folds=_folds(summary),
        cost=_cost(summary["cost"]),
        filters=filters,
        cards=cards,
        errors_note=_errors_note(len(errors)),
    )


def _facts(summary: Summary) -> str:
    what = f"The model {summary['model']}"
    if not summary["model"]:
        what = f"Cross-validation over {summary['folds']['count']} folds"
    made = f"nlu-kit {summary['nlu_kit']}, {summary['created']}."
    return f"{what}, on {summary['utterances']:,} utterances of {summary['data']}. {made}"


# --- figures ----------------------------------------------------------------------------------------------------------


def _tiles(summary: Summary) -> list[tuple[str, str, str]]:
    """(name, figure, what to know about it)."""
    figures = summary["figures"]
    tiles = [(name, percent(figures[name]["value"]), _interval(figures[name]["interval"])) for name in summary["main"]]
    tiles += [
        (f"{name} calibration error", percent(head["calibration"]["ece"]), _before(head["calibration"]))
        for name, head in summary["heads"].items()
        if head["calibration"]
    ]
    errors = summary["errors"]["utterances"]
    return [*tiles, ("utterances with an error", f"{errors:,}", f"of {summary['utterances']:,}")]


def _figures(summary: Summary) -> list[list[list[str]]]:
    """What the tiles leave out: the rows of a table for each head."""
    groups: dict[str, list[list[str]]] = {}
    for name, found in summary["figures"].items():
        head = name.partition(".")[0]
        if name not in summary["main"] and head in summary["heads"]:
            groups.setdefault(head, []).append([name, percent(found["value"]), _interval(found["interval"])])
    return list(groups.values())


def _interval(bounds: Sequence[float] | None) -> str:
    """In one piece, also on a phone."""
    return interval_text(bounds).replace(" ", "\N{NO-BREAK SPACE}")


def _before(calibration: Any) -> str:
    plain = calibration["ece_uncalibrated"]
    return "0 is best" if plain is None else f"0 is best; {percent(plain)} without calibration"


def _scope(summary: Summary) -> dict[str, Any]:
    """No rows for a model without a detector."""
    scope, figures = summary["scope"], summary["figures"]
    rows = [
        [says, percent(found["value"]), _interval(found["interval"])]
        for name, says in _SCOPE.items()
        if (found := figures.get(f"{OUT_OF_SCOPE}.{name}"))
    ]
    if not rows:
        return {"rows": [], "note": ""}
    note = f"{scope['out_of_scope']:,} utterances are out of scope, {scope['in_scope']:,} are not."
    if "threshold" in scope:
        note += f" Scores above {scope['threshold']:.6g} count as out of scope: {scope['chosen']}."
    return {"rows": rows, "note": note}


def _folds(summary: Summary) -> dict[str, Any] | None:
    if not summary["folds"]:
        return None
    mains = summary["main"]
    rows = [
        [row["fold"], f"{row['utterances']:,}"]
        + [percent(row["figures"][name]) if name in row["figures"] else "–" for name in mains]
        for row in summary["folds"]["rows"]
    ]
    return {"columns": ["fold", "utterances", *mains], "rows": rows}


def _cost(cost: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not cost:
        return None
    count = cost["threads"]
    threads = f" with {count} thread{'' if count == 1 else 's'}" if cost["device"] == "cpu" else ""
    return {
        "rows": cost_rows(cost),
        "note": f"On {cost['device']}{threads}, after a warm-up, from text to prediction.",
    }


# --- one head ---------------------------------------------------------------------------------------------------------


def _head(name: str, head: Mapping[str, Any]) -> dict[str, Any] | None:
    """Nothing for a head without annotation, or of which its codec says nothing but figures."""
    labels, confusion = _labels(name, head["labels"]), _confusion(name, head["confusion"])
    calibration = _calibration(name, head["calibration"])
    if not (labels["bars"] or confusion["pairs"] is not None or calibration):
        return None
    note = f"{head['annotated']:,} utterances annotated, {head['unseen']:,} labels unseen in training."
    return {"name": name, "note": note, **labels, **confusion, "calibration": calibration}


def _labels(name: str, rows: Sequence[Row]) -> dict[str, Any]:
    occurring = sorted((row for row in rows if row["support"]), key=lambda row: (row["f1"], -row["support"]))
    shown, rest = occurring[:BARS], occurring[BARS:]
    return {
        "bars": _columns(name, shown),
        "more_bars": _columns(name, rest),
        "more_labels": len(rest),
        "label_rows": [_label_row(row) for row in rows],
    }


def _label_row(row: Row) -> list[str]:
    shares = (percent(row[key]) for key in ("precision", "recall", "f1"))
    return [row["label"], *shares, f"{row['support']:,}", f"{row['predicted']:,}"]


def _columns(name: str, rows: Sequence[Row]) -> list[Markup]:
    """Bars side by side where there is room."""
    if not rows:
        return []
    size = -(-len(rows) // 3) if len(rows) > 8 else len(rows)
    groups = [rows[start : start + size] for start in range(0, len(rows), size)]
    bars = [[LabelBar(row["label"], row["f1"], row["support"]) for row in group] for group in groups]
    return [label_bars(group, name=f"F1 of {name}") for group in bars]


def _confusion(name: str, confusion: Mapping[str, Any] | None) -> dict[str, Any]:
    if confusion is None:
        return {"pairs": None}
    labels, counts = confusion["labels"], confusion["counts"]
    pairs = most_confused(labels, counts, most=PAIRS)
    shown, drawn = reduce(labels, counts)
    return {
        "pairs": [[pair.gold, pair.predicted, f"{pair.count:,}", f"{100 * pair.share:.0f} %"] for pair in pairs],
        "matrix": confusion_matrix(shown, drawn, name=name) if pairs else "",
        "left_out": len(drawn) < len(labels),
        "drawn": MOST - 1,
        "all_labels": len(labels),
    }


def _calibration(name: str, found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if found is None:
        return None
    bins = [Bin(row["count"], row["confidence"], row["accuracy"]) for row in found["bins"]]
    return {
        **{key: found[key] for key in ("ece", "predictions", "confidence", "right")},
        "diagram": reliability_diagram(bins, name=name),
        "histogram": confidence_histogram(**found["histogram"], name=name),
    }


# --- errors -----------------------------------------------------------------------------------------------------------


def error_cards(errors: Sequence[Error], kinds: Mapping[str, int]) -> tuple[dict[str, Any], list[Card]]:
    """(what the controls offer, at most CARDS cards). Without a script all are shown, and the controls are not."""
    shown = errors[:CARDS]
    labels = sorted({label for error in shown for label in error["labels"]})
    tag_of_kind = {kind: f"k{number}" for number, kind in enumerate(kinds)}
    tag_of_label = {label: f"l{number}" for number, label in enumerate(labels)}
    filters = {
        "kinds": [{"tag": tag_of_kind[kind], "name": kind, "count": count} for kind, count in kinds.items()],
        "labels": [{"tag": tag, "name": label} for label, tag in tag_of_label.items()],
    }
    cards = []
    for error in shown:
        tags = {tag_of_kind[kind] for kind in error["kinds"] if kind in tag_of_kind}
        tags |= {tag_of_label[label] for label in error["labels"]}
        sides = {"annotated": error["gold"], "predicted": error["predicted"]}
        cards.append(card(error["text"], sides, facts=_error_facts(error), tags=" ".join(sorted(tags))))
    return filters, cards


def _error_facts(error: Error) -> list[str]:
    return [
        ", ".join(dict.fromkeys(error["kinds"])),
        "" if error["confidence"] is None else f"confidence {error['confidence']:.2f}",
        "longer than the model reads" if error["truncated"] else "",
        error["source"],
    ]


def _errors_note(count: int) -> str:
    note = "The worst first: those that the model was surest of. "
    if count > CARDS:
        note += f"The first {CARDS} of {count:,}; all are in errors.jsonl. "
    return note + "An utterance may have several errors."
