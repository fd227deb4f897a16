"""diff.html: two models side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nlu_kit.evaluation.diff import BETTER, MIXED, WORSE
from nlu_kit.evaluation.diff_table import FIGURES, RIGHT, figure_rows, right_rows
from nlu_kit.evaluation.page_errors import comparison
from nlu_kit.report.html import page, section, table
from nlu_kit.report.svg import tag, text

CARDS = 500

Change = Mapping[str, Any]

_SECTIONS = {
    WORSE: ("Worse", "Entirely right by A, not by B. Those first of which the model was most sure."),
    MIXED: ("Changed", "Something got better or worse, but not whether the utterance is entirely right."),
    BETTER: ("Better", "Entirely right by B, not by A."),
}


def diff_page(summary: Mapping[str, Any]) -> str:
    """The whole document; needs nothing but itself."""
    parts = [_header(summary), *(tag("p", text(note), class_="warning") for note in summary["notes"])]
    if summary["gate"] is not None and not summary["gate"]["passed"]:
        gate = summary["gate"]
        told = f"{gate['regressions']:,} utterances got worse; at most {gate['max_regressions']:,} may."
        parts.append(tag("p", text(told), class_="warning"))
    note = (
        "In percent. The interval is of the difference, by the paired bootstrap over utterances; p is the share of "
        "resamples in which B is not better (a tie counts half): small where B is better, near 1 where A is."
    )
    parts.append(section("Figures", table(FIGURES, _cells(figure_rows(summary))), note=note))
    note = (
        "How many utterances are right, by head and in all of them (exact match); where both models have a detector, "
        "also by its verdict (out_of_scope) and by all of that (entirely_right). McNemar's exact test asks whether as "
        "many changes for the better as for the worse would be likely to look so unequal."
    )
    parts.append(section("Utterances", table(RIGHT, _cells(right_rows(summary))), note=note))
    parts += [_section(kind, summary["changes"]) for kind in _SECTIONS]
    return page(*(part for part in parts if part), title="Two models", series=8)


def _header(summary: Mapping[str, Any]) -> str:
    first, second = summary["models"]
    made = f"nlu-kit {summary['nlu_kit']}, {summary['created']}."
    facts = f"{summary['utterances']:,} utterances of {summary['data']}. {made}"
    return tag(
        "header",
        tag("h1", "What changed"),
        tag("p", tag("b", "A "), text(first), "<br>", tag("b", "B "), text(second)),
        tag("p", text(facts), class_="facts"),
    )


def _cells(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[text(cell) for cell in row] for row in rows]


def _section(kind: str, changes: Sequence[Change]) -> str:
    own = [change for change in changes if change["change"] == kind]
    if not own:
        return ""
    title, note = _SECTIONS[kind]
    if len(own) > CARDS:
        note += f" The first {CARDS} of {len(own):,}; all are in diff.json."
    cards = tag("ol", *(_card(change) for change in own[:CARDS]), class_="cards")
    return section(f"{title} ({len(own):,})", cards, note=note)


def _card(change: Change) -> str:
    sides = {"annotated": change["gold"], "A": change["first"], "B": change["second"]}
    facts = [f"{head} {how}" for head, how in change["heads"].items()] + (
        [change["source"]] if change["source"] else []
    )
    body = comparison(change["text"], sides)
    return tag("li", body, tag("p", text(" · ".join(facts)), class_="facts"), class_="card")
