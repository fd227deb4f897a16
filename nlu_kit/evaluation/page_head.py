"""One head on the page: its labels, whom it takes for whom, and whether its confidences can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nlu_kit.evaluation.summary import Summary
from nlu_kit.report.html import details, figure, scroll, section, table
from nlu_kit.report.label_bars import LabelBar, label_bars
from nlu_kit.report.matrix import MOST, confusion_matrix, most_confused, reduce
from nlu_kit.report.numbers import percent
from nlu_kit.report.reliability import Bin, confidence_histogram, reliability_diagram
from nlu_kit.report.svg import tag, text

BARS = 24  # labels drawn at once, the worst first
PAIRS = 15

Row = Mapping[str, Any]


def head_section(summary: Summary, name: str) -> str:
    """Nothing for a head without annotation, or of which its codec says nothing but figures."""
    head = summary["heads"][name]
    parts = [
        _labels(name, head["labels"]),
        _confusion(name, head["confusion"]),
        _calibration(name, head["calibration"]),
    ]
    if not any(parts):
        return ""
    counts = [f"{head['annotated']:,} utterances annotated", f"{head['unseen']:,} labels unseen in training"]
    return section(f"Head {name}", *parts, note=", ".join(counts) + ".")


def _labels(name: str, rows: Sequence[Row]) -> str:
    occurring = sorted((row for row in rows if row["support"]), key=lambda row: (row["f1"], -row["support"]))
    if not occurring:
        return ""
    shown, rest = occurring[:BARS], occurring[BARS:]
    parts = [
        tag("h3", "F1 by label, the worst first; beside the name how often it is annotated"),
        _columns(name, shown),
    ]
    if rest:
        parts.append(details(f"The other {len(rest)} labels", _columns(name, rest)))
    cells = [
        [
            text(row["label"]),
            *(percent(row[key]) for key in ("precision", "recall", "f1")),
            f"{row['support']:,}",
            f"{row['predicted']:,}",
        ]
        for row in rows
    ]
    columns = ["label", "precision", "recall", "F1", "annotated", "predicted"]
    parts.append(details("All labels as a table", scroll(table(columns, cells, class_="dense"))))
    return "".join(parts)


def _columns(name: str, rows: Sequence[Row]) -> str:
    """Bars side by side where there is room."""
    size = -(-len(rows) // 3) if len(rows) > 8 else len(rows)
    groups = [rows[start : start + size] for start in range(0, len(rows), size)]
    bars = [[LabelBar(row["label"], row["f1"], row["support"]) for row in group] for group in groups]
    return tag("div", *(figure("", label_bars(group, name=f"F1 of {name}")) for group in bars), class_="charts bars")


def _confusion(name: str, confusion: Mapping[str, Any] | None) -> str:
    if confusion is None:
        return ""
    labels, counts = confusion["labels"], confusion["counts"]
    pairs = most_confused(labels, counts, most=PAIRS)
    if not pairs:
        return tag("p", "No label was taken for another.", class_="note")
    rows = [[text(pair.gold), text(pair.predicted), f"{pair.count:,}", f"{100 * pair.share:.0f} %"] for pair in pairs]
    shown, drawn = reduce(labels, counts)
    heading = "Whom it takes for whom"
    if len(drawn) < len(labels):
        heading += f": the {MOST - 1} of {len(labels)} labels that are confused most"
    legend = tag(
        "p",
        "Rows are annotated, columns predicted; blue is right, orange wrong, darker is more of the row.",
        class_="note",
    )
    return "".join(
        [
            tag("h3", "Confused most often"),
            table(["annotated", "predicted", "times", "share"], rows, class_="dense pairs"),
            tag("h3", text(heading)),
            legend,
            scroll(confusion_matrix(shown, drawn, name=name)),
        ]
    )


def _calibration(name: str, found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    bins = [Bin(row["count"], row["confidence"], row["accuracy"]) for row in found["bins"]]
    told = (
        f"Expected calibration error {percent(found['ece'])}: {found['predictions']:,} predictions with a mean "
        f"confidence of {percent(found['confidence'])} were right in {percent(found['right'])} percent. A mark below "
        "the dashed line is too sure of itself."
    )
    drawings = [
        figure("Percent right, by confidence", reliability_diagram(bins, name=name)),
        figure("How many predictions have which confidence", confidence_histogram(**found["histogram"], name=name)),
    ]
    return tag("h3", "Calibration") + tag("p", text(told), class_="note") + tag("div", *drawings, class_="charts")
