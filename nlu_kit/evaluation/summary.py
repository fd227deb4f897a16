"""From predictions to what evaluation.json holds: plain data, from which table, page and JUnit file are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from nlu_kit import __version__
from nlu_kit.data.findings import UNLEARNABLE_SHOWN, Finding
from nlu_kit.data.prediction import OUT_OF_SCOPE
from nlu_kit.errors import DataError
from nlu_kit.evaluation.figures import calibration, figures, scope_section
from nlu_kit.evaluation.mistakes import Error, find_errors, kind_counts
from nlu_kit.evaluation.predictions import Predictions
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
    predictions: Predictions,
    *,
    name: str,
    model: str | None,
    data: str,
    cost: Mapping[str, Any] | None = None,
    folds: Mapping[str, Any] | None = None,
) -> Evaluation:
    """The whole evaluation. Raises DataError where nothing is annotated that the model could be measured by."""
    values, reports = figures(predictions)
    scope = scope_section(predictions)
    bounds = scope.pop("intervals")
    for metric, value in scope.pop("figures").items():
        values[f"{OUT_OF_SCOPE}.{metric}"] = {"value": value, "interval": bounds.get(metric)}
    if not values:
        raise DataError(_nothing(predictions, data))
    errors = find_errors(predictions)
    heads_section = {head: _head(predictions, head, reports.get(head)) for head in predictions.codecs}
    values |= _calibration_figures(heads_section)
    summary = {
        "format": 1,
        "nlu_kit": __version__,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "name": name,
        "model": model,
        "data": data,
        "utterances": len(predictions.examples),
        "main": [metric for metric in main_metrics(predictions.codecs) if metric in values],
        "figures": values,
        "heads": heads_section,
        "scope": scope,
        "truncated": predictions.truncated,
        "errors": {"utterances": len(errors), "kinds": kind_counts(errors)},
        "cost": cost,
        "folds": folds,
        "gates": [],
    }
    summary["notes"] = _notes(summary)
    return Evaluation(summary, errors)


def _head(predictions: Predictions, name: str, report: HeadReport | None) -> dict[str, Any]:
    unseen, unlearnable = predictions.unseen(name), predictions.unlearnable(name)
    return {
        "annotated": predictions.annotated(name),
        "unseen": len(unseen),
        "unseen_places": unseen,
        "unlearnable": len(unlearnable),
        "unlearnable_places": [str(one) for one in unlearnable],
        "labels": [] if report is None else [asdict(row) for row in report.labels],
        "confusion": None if report is None or report.confusion is None else asdict(report.confusion),
        "calibration": calibration(predictions.confidence_pairs(name), predictions.uncalibrated_pairs(name)),
    }


def _calibration_figures(heads: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """``head.ece``, named as a run names them."""
    found = {
        f"{name}.{key}": head["calibration"][key]
        for name, head in heads.items()
        if head["calibration"]
        for key in ("ece_uncalibrated", "ece")
    }
    return {name: {"value": value, "interval": None} for name, value in found.items() if value is not None}


def _nothing(predictions: Predictions, data: str) -> str:
    outside = sum(example.out_of_scope for example in predictions.examples)
    if outside:
        return f"every annotated example of {data} is out of scope, and the model has no detector that could tell"
    heads = ", ".join(f"'{name}' ({', '.join(codec.fields)})" for name, codec in predictions.codecs.items())
    return (
        f"no example of {data} is annotated for any head of the model: {heads}; annotate some, or name other data or "
        "another --reader"
    )


def _notes(summary: Summary) -> list[str]:
    notes = []
    count = summary["utterances"]
    if count < FEW:
        notes.append(f"Only {_several(count, 'utterance')}: the intervals are wide, and a few more could change much.")
    cut = summary["truncated"]
    if cut:
        notes.append(
            "1 text is longer than the model reads; its end was ignored."
            if cut == 1
            else f"{cut:,} texts are longer than the model reads; their ends were ignored."
        )
    scope = summary["scope"]
    outside = scope["out_of_scope"]
    if outside and not scope["detector"]:
        is_outside = f"{_several(outside, 'utterance')} {'is' if outside == 1 else 'are'} out of scope"
        notes.append(f"{is_outside}, and this model has nothing to tell that.")
    for name, head in summary["heads"].items():
        if not head["annotated"]:
            notes.append(f"No utterance is annotated for the head '{name}': it was not evaluated.")
        if head["unseen"]:
            what = "annotation has a label" if head["unseen"] == 1 else "annotations have a label"
            said = f"{name}: {head['unseen']:,} {what} that training never had; counted as wrong"
            notes.append(_placed(said, head["unseen_places"]))
        if head["unlearnable"]:
            what = _several(head["unlearnable"], "annotation")
            said = (
                f"{name}: {what} of a kind that the head can't be taught: cut off, starting or ending inside a word, "
            )
            notes.append(_placed(said + "overlapping, or too wide", head["unlearnable_places"]))
    return notes


def _placed(said: str, places: Sequence[str]) -> str:
    finding = Finding(said, places, shown=UNLEARNABLE_SHOWN)
    return f"{finding}{' (in evaluation.json)' if finding.more else ''}."


def _several(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
