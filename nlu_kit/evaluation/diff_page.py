"""diff.html: two models side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nlu_kit.evaluation.cards import CARDS, Card, card
from nlu_kit.evaluation.diff import BETTER, MIXED, WORSE
from nlu_kit.evaluation.diff_table import FIGURES, RIGHT, figure_rows, right_rows
from nlu_kit.report.pages import page

_GROUPS = {
    WORSE: ("Worse", "Entirely right by A, not by B. Those first that the model was surest of."),
    MIXED: ("Changed", "Something got better or worse, but not whether the utterance is entirely right."),
    BETTER: ("Better", "Entirely right by B, not by A."),
}


def diff_page(summary: Mapping[str, Any]) -> str:
    """The whole document; needs nothing but itself."""
    gate, notes = summary["gate"], list(summary["notes"])
    if gate is not None and not gate["passed"]:
        notes.append(f"{gate['regressions']:,} utterances got worse; at most {gate['max_regressions']:,} may.")
    made = f"nlu-kit {summary['nlu_kit']}, {summary['created']}."
    return page(
        "diff.html",
        title="Two models",
        series=8,
        models=summary["models"],
        facts=f"{summary['utterances']:,} utterances of {summary['data']}. {made}",
        notes=notes,
        figure_columns=FIGURES,
        figures=figure_rows(summary),
        right_columns=RIGHT,
        right=right_rows(summary),
        groups=[group for kind in _GROUPS if (group := _group(kind, summary["changes"]))],
    )


def _group(kind: str, changes: Any) -> dict[str, Any] | None:
    own = [change for change in changes if change["change"] == kind]
    if not own:
        return None
    title, note = _GROUPS[kind]
    if len(own) > CARDS:
        note += f" The first {CARDS} of {len(own):,}; all are in diff.json."
    return {"title": f"{title} ({len(own):,})", "note": note, "cards": [_card(change) for change in own[:CARDS]]}


def _card(change: Mapping[str, Any]) -> Card:
    sides = {"annotated": change["gold"], "A": change["first"], "B": change["second"]}
    facts = [f"{head} {how}" for head, how in change["heads"].items()]
    return card(change["text"], sides, facts=[*facts, change["source"]])
