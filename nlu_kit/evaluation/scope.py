"""What the model does with utterances that none of its labels fits, and with the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nlu_kit.data.prediction import OUT_OF_SCOPE, OUT_OF_SCOPE_SCORE
from nlu_kit.evaluation.figures import intervals
from nlu_kit.evaluation.predictions import Predictions
from nlu_kit.metrics.bootstrap import Outcomes
from nlu_kit.metrics.detection import rejection_scores

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
