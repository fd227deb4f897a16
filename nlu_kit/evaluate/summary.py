"""From answers to what evaluation.json holds: plain data, from which table, page and JUnit file are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from nlu_kit import __version__
from nlu_kit.data.prediction import OUT_OF_SCOPE
from nlu_kit.errors import DataError
from nlu_kit.evaluate.errors import Error, find_errors, kind_counts
from nlu_kit.evaluate.figures import calibration, figures
from nlu_kit.evaluate.part import Answers
from nlu_kit.evaluate.scope import scope_section
from nlu_kit.metrics.report import HeadReport
from nlu_kit.model.score import main_metrics

FEW = 100

Summary = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """``summary`` explains itself in docs/evaluate.md; ``errors`` are worst first."""

    summary: dict[str, Any]
    errors: Sequence[Error]


def summarise(
    answers: Answers,
    *,
    name: str,
    model: str | None,
    data: str,
    cost: Mapping[str, Any] | None = None,
    folds: Mapping[str, Any] | None = None,
) -> Evaluation:
    """The whole evaluation. Raises DataError where no example is annotated for any head."""
    values, reports = figures(answers)
    if not values:
        heads = ", ".join(answers.codecs)
        raise DataError(f"no example of {data} is annotated for any head of the model ({heads})")
    scope = scope_section(answers)
    named = {f"{OUT_OF_SCOPE}.{metric}": value for metric, value in scope.pop("figures").items()}
    if scope["out_of_scope"] or scope["detector"]:
        values |= {metric: {"value": value, "interval": None} for metric, value in named.items()}
    errors = find_errors(answers)
    heads_section = {head: _head(answers, head, reports.get(head)) for head in answers.codecs}
    summary = {
        "format": 1,
        "nlu_kit": __version__,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "name": name,
        "model": model,
        "data": data,
        "utterances": len(answers.examples),
        "main": [metric for metric in main_metrics(answers.codecs) if metric in values],
        "figures": values,
        "heads": heads_section,
        "scope": scope,
        "truncated": answers.truncated,
        "errors": {"utterances": len(errors), "kinds": kind_counts(errors)},
        "cost": cost,
        "folds": folds,
        "gates": [],
    }
    summary["notes"] = _notes(summary)
    return Evaluation(summary, errors)


def _head(answers: Answers, name: str, report: HeadReport | None) -> dict[str, Any]:
    return {
        "annotated": answers.annotated(name),
        "unseen": answers.unseen(name),
        "lost": answers.lost(name),
        "labels": [] if report is None else [asdict(row) for row in report.labels],
        "confusion": None if report is None or report.confusion is None else asdict(report.confusion),
        "calibration": calibration(answers.judged(name)),
    }


def _notes(summary: Summary) -> list[str]:
    notes = []
    count = summary["utterances"]
    if count < FEW:
        notes.append(f"Only {count} utterances: the intervals are wide, and a few more could change much.")
    if summary["truncated"]:
        notes.append(f"{summary['truncated']} texts are longer than the model reads; their ends were ignored.")
    scope = summary["scope"]
    if scope["out_of_scope"] and not scope["detector"]:
        notes.append(f"{scope['out_of_scope']} utterances are out of scope, and this model has nothing to tell that.")
    for name, head in summary["heads"].items():
        if not head["annotated"]:
            notes.append(f"No utterance is annotated for the head '{name}': it was not evaluated.")
        if head["unseen"]:
            what = "annotation has a label" if head["unseen"] == 1 else "annotations have a label"
            notes.append(f"{name}: {head['unseen']} {what} that training never had; counted as wrong.")
        if head["lost"]:
            what = "annotation begins or ends" if head["lost"] == 1 else "annotations begin or end"
            notes.append(
                f"{name}: {head['lost']} {what} inside a word or beyond the truncation; no model gets it right."
            )
    return notes
