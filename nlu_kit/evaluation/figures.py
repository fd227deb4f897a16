"""Every figure of an evaluation, and how sure it is: 95 % bootstrap intervals over the utterances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from nlu_kit.data.prediction import OUT_OF_SCOPE, OUT_OF_SCOPE_SCORE
from nlu_kit.evaluation.predictions import ConfidencePairs, Predictions
from nlu_kit.metrics.bootstrap import Outcomes, bounds, difference, resample
from nlu_kit.metrics.calibration import expected_calibration_error, reliability
from nlu_kit.metrics.counts import Counts
from nlu_kit.metrics.detection import rejection_scores
from nlu_kit.metrics.report import HeadReport
from nlu_kit.model.score import measure

HISTOGRAM = 20  # bins of the confidences


def figures(predictions: Predictions) -> tuple[dict[str, dict[str, Any]], dict[str, HeadReport]]:
    """``head.metric`` and ``exact_match`` to ``value`` and ``interval``, and the reports.

    An interval is there where the figure is a ratio of counts over utterances, as its codec says; for others, such as
    macro F1, it is None.
    """
    examples, fields = predictions.examples, [prediction.fields for prediction in predictions.predictions]
    measured = measure(predictions.codecs, examples, predictions.predictions)
    values, reports = dict[str, float](), {}
    for name, codec in predictions.codecs.items():
        report = codec.report(examples, fields)
        if report is not None:
            reports[name] = report
            values |= {f"{name}.{metric}": value for metric, value in report.metrics.items()}
        values |= {metric: value for metric, value in measured.figures.items() if metric.startswith(f"{name}.")}
    values |= measured.figures
    found = intervals({name: Outcomes.of([counts]) for name, counts in measured.counts.items()})
    return {name: {"value": value, "interval": found.get(name)} for name, value in values.items()}, reports


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


def calibration(
    found: Sequence[ConfidencePairs], uncalibrated: Sequence[ConfidencePairs] = ()
) -> dict[str, Any] | None:
    """ECE, the reliability bins that have anything in them, a histogram of confidences; None without any prediction.

    ``ece_uncalibrated`` is the ECE of ``uncalibrated``, None without any.
    """
    confidences, correct = _columns(found)
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


def _columns(found: Sequence[ConfidencePairs]) -> tuple[np.ndarray, np.ndarray]:
    """Confidences, and whether each was right."""
    pairs = [pair for one in found for pair in one]
    confidences = np.array([confidence for confidence, _ in pairs], dtype=np.float64)
    return confidences, np.array([right for _, right in pairs], dtype=bool)


def mcnemar(better: int, worse: int) -> float:
    """Two-sided exact p of so unequal a pair of counts, were each change as likely for the better as for the worse.

    1 where nothing changed.
    """
    from scipy.stats import binomtest

    return float(binomtest(better, better + worse).pvalue) if better + worse else 1.0


def paired(first: Mapping[str, Counts], second: Mapping[str, Counts]) -> dict[str, dict[str, Any]]:
    """For each figure of both models: ``difference``, second minus first, its 95 % interval as ``low`` and ``high``,
    and ``p``, the share of resamples in which the second is not better."""
    found = {}
    for name in first:
        if name in second:
            before, after = Outcomes.of([first[name]]), Outcomes.of([second[name]])
            rows = resample([before, after])
            found[name] = asdict(difference(after, before, rows[1], rows[0]))
    return found


BY_SCORE = ("auroc", "fpr95")


def scope_section(predictions: Predictions) -> dict[str, Any]:
    """How many utterances are out of scope, whether the model can tell (``detector``), the ``figures``, and the
    ``intervals`` of those that are ratios of counts.

    ``auroc`` and ``fpr95`` compare scores, which only those of one model can be: a cross-validation has none.
    """
    outside = sum(example.out_of_scope for example in predictions.examples)
    detector = all(part.watched is not None for part in predictions.parts)
    figures, found = _figures(predictions) if detector else ({}, {})
    return {
        "detector": detector,
        "in_scope": len(predictions.examples) - outside,
        "out_of_scope": outside,
        "figures": figures,
        "intervals": found,
    }


def _figures(predictions: Predictions) -> tuple[dict[str, float], dict[str, list[float]]]:
    inside, right, outside = list[tuple[bool, float]](), list[bool](), list[tuple[bool, float]]()
    for part in predictions.parts:
        codec = part.codecs[part.watched or ""]
        for example, fields in zip(part.examples, part.fields, strict=True):
            said = bool(fields[OUT_OF_SCOPE]), float(fields[OUT_OF_SCOPE_SCORE])
            if example.out_of_scope:
                outside.append(said)
            elif (match := codec.matches(example, fields)) is not None:
                inside.append(said)
                right.append(bool(match))
    decided = _rejection(inside, right, outside, column=0)
    scored = _rejection(inside, right, outside, column=1) if len(predictions.parts) == 1 else {}
    figures = {
        **{name: value for name, value in decided.items() if name not in BY_SCORE},
        **{name: value for name, value in scored.items() if name in BY_SCORE},
    }
    rejected = np.array([verdict for verdict, _ in (*inside, *outside)], dtype=np.float64)
    out = np.repeat([0.0, 1.0], [len(inside), len(outside)])
    found = np.array([*right, *(False for _ in outside)], dtype=np.float64)
    ratios = {
        "in_scope_accuracy": (found * (1 - rejected), 1 - out),
        "false_rejection": ((1 - out) * rejected, 1 - out),
        "recall": (out * rejected, out),
        "precision": (out * rejected, rejected),
    }
    systems = {name: Outcomes(top[None], bottom[None]) for name, (top, bottom) in ratios.items() if name in figures}
    return figures, intervals(systems)


def _rejection(
    inside: list[tuple[bool, float]], right: list[bool], outside: list[tuple[bool, float]], *, column: int
) -> Mapping[str, float]:
    """Of decisions (column 0: False is below the threshold, True above) or of scores (column 1)."""
    sides = [np.array([said[column] for said in side], dtype=np.float64) for side in (inside, outside)]
    return rejection_scores(sides[0], np.array(right, dtype=bool), sides[1], threshold=0.5)
