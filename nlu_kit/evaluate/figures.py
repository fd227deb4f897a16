"""Every figure of an evaluation, and how sure it is: 95 % bootstrap intervals over the utterances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from nlu_kit.compare.outcomes import KINDS, explains, outcomes
from nlu_kit.evaluate.part import Answers, Judged
from nlu_kit.metrics.bootstrap import Outcomes, bounds, resample
from nlu_kit.metrics.calibration import expected_calibration_error, reliability
from nlu_kit.metrics.report import HeadReport
from nlu_kit.model.score import score

HISTOGRAM = 20  # bins of the confidences


def figures(answers: Answers) -> tuple[dict[str, dict[str, Any]], dict[str, HeadReport]]:
    """``head.metric`` and ``exact_match`` to ``value`` and ``interval``, and the reports.

    An interval is there where the figure is a ratio of counts over utterances, which is not assumed but compared; for
    others, such as macro F1, it is None.
    """
    examples, fields = answers.examples, [prediction.fields for prediction in answers.predictions]
    values = score(answers.codecs, examples, answers.predictions)
    reports = {}
    for name, codec in answers.codecs.items():
        report = codec.report(examples, fields)
        if report is not None:
            reports[name] = report
            values = {**{f"{name}.{metric}": value for metric, value in report.metrics.items()}, **values}
    found = _intervals(answers, values)
    heads = list(answers.codecs)
    order = sorted(values, key=lambda name: heads.index(head_of(name)) if head_of(name) else len(heads))
    return {name: {"value": values[name], "interval": found.get(name)} for name in order}, reports


def head_of(metric: str) -> str:
    """``intent`` for ``intent.accuracy``; empty for ``exact_match``, which is of all heads."""
    head, dot, _ = metric.partition(".")
    return head if dot else ""


def resampled_kind(parts: Mapping[str, Mapping[str, list[int]]], figure: float) -> str | None:
    """The kind of outcome whose ratio of sums is this figure."""
    return next((kind for kind in KINDS if kind in parts and explains(parts[kind], figure)), None)


def as_outcomes(part: Mapping[str, list[int]]) -> Outcomes:
    """The counts of one system, as the bootstrap takes them."""
    return Outcomes(
        numerators=np.array([part["numerators"]], dtype=np.float64),
        denominators=np.array([part["denominators"]], dtype=np.float64),
    )


def _intervals(answers: Answers, values: Mapping[str, float]) -> dict[str, list[float]]:
    found = outcomes(answers.codecs, answers.examples, answers.predictions)
    systems = {}
    for name, value in values.items():
        parts = found[head_of(name) or name]
        kind = resampled_kind(parts, value)
        if kind is not None:
            systems[name] = as_outcomes(parts[kind])
    return intervals(systems)


def intervals(systems: Mapping[str, Outcomes]) -> dict[str, list[float]]:
    """By name the 95 % interval of each ratio of one run, but for those that nothing counts in.

    Each is over the utterances that count in it, or some resamples would hold none of them. Those that share these
    share the resamples.
    """
    groups: dict[bytes, dict[str, Outcomes]] = defaultdict(dict)
    for name, system in systems.items():
        counted = system.denominators[0] > 0
        if counted.any():
            kept = Outcomes(system.numerators[:, counted], system.denominators[:, counted])
            groups[counted.tobytes()][name] = kept
    found: dict[str, list[float]] = {}
    for group in groups.values():
        rows = resample(list(group.values()))
        found |= {name: list(bounds(system, row)) for (name, system), row in zip(group.items(), rows, strict=True)}
    return found


def calibration(judged: Sequence[Judged], uncalibrated: Sequence[Judged] = ()) -> dict[str, Any] | None:
    """ECE, the reliability bins that have anything in them, and a histogram of confidences; None without judgements.

    ``ece_uncalibrated`` is the ECE of ``uncalibrated``, None without any.
    """
    confidences, correct = _columns(judged)
    if not len(confidences):
        return None
    before = _columns(uncalibrated)
    places = np.clip((confidences * HISTOGRAM).astype(int), 0, HISTOGRAM - 1)
    return {
        "ece": expected_calibration_error(confidences, correct),
        "ece_uncalibrated": expected_calibration_error(*before) if len(before[0]) else None,
        "predictions": len(confidences),
        "confidence": float(confidences.mean()),
        "right": float(correct.mean()),
        "bins": [asdict(row) for row in reliability(confidences, correct) if row.count],
        "histogram": {
            "right": np.bincount(places[correct], minlength=HISTOGRAM).tolist(),
            "wrong": np.bincount(places[~correct], minlength=HISTOGRAM).tolist(),
        },
    }


def _columns(judged: Sequence[Judged]) -> tuple[np.ndarray, np.ndarray]:
    """Confidences, and whether each was right."""
    pairs = [pair for one in judged for pair in one]
    confidences = np.array([confidence for confidence, _ in pairs], dtype=np.float64)
    return confidences, np.array([right for _, right in pairs], dtype=bool)
