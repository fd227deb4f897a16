"""Above which score is an utterance out of scope? Tuned on the scores of examples, once, after training. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nlu_kit.config.pipeline import Pipeline
from nlu_kit.data.example import Example
from nlu_kit.errors import ConfigError, Problem
from nlu_kit.model.confidence import Scored
from nlu_kit.plugin.contracts import DetectorParams

BETWEEN = 0.7
"""How far the threshold is on the way from what is known to what is not, where dev can't say. With 1 to 40 examples an
intent of two corpora, it rejected 0 to 6 % of other texts in scope, and up to 10 % with a single one."""


def check_tuning(pipeline: Pipeline, examples: Sequence[Example]) -> None:
    """Raise ConfigError where the threshold is to be tuned on out-of-scope examples and there are none."""
    if pipeline.detector is None or any(example.out_of_scope for example in examples):
        return
    params: Any = pipeline.detector.params
    if params.threshold is None and params.criterion == "accuracy":
        hint = 'give some in dev or train an intent that data.out_of_scope names, or "out_of_scope": true; or use auto'
        message = "accuracy is tuned on out-of-scope examples, and the data has none"
        raise ConfigError([Problem("detector.criterion", message, hint)])


def too_few(params: DetectorParams, scored: Scored) -> bool:
    """Whether the threshold is to reject a share of the examples in scope, and there is less than one in that share; or
    it is to be tuned on such, and there are none."""
    if params.threshold is None and not len(scored.inside):
        return True
    by_share = params.threshold is None and (not len(scored.outside) or params.criterion == "false_rejection")
    return by_share and 0 < len(scored.inside) * params.false_rejection < 1


def tune(params: DetectorParams, scored: Scored, *, share: float, least: float | None = None) -> tuple[float, str]:
    """(threshold, in words how it was chosen). ``share``: how much of the data is out of scope, for ``accuracy``.
    ``least``: as low as it may be where dev has ``too_few`` to say.

    Needs examples in scope or ``least``, and for the criterion ``accuracy`` some that are not.
    """
    inside, outside = len(scored.inside), len(scored.outside)
    if params.threshold is not None:
        return params.threshold, "set by the pipeline"
    allowed = int(params.false_rejection * inside)
    if least is not None:
        how = "between what train's examples score with their label learnt and without it"
        if not inside:
            return least, how
        threshold = max(least, _rejecting(scored.inside, allowed))
        return threshold, f"{how}; rejects at most {allowed:,} of {inside:,} dev examples in scope"
    if outside and params.criterion != "false_rejection":
        share = params.out_of_scope_share or share
        how = f"the most right decisions over {inside:,} examples in scope and {outside:,} out of scope"
        bound = f"which count as {share:.1%} of all; of the former at most {allowed:,} may be rejected"
        return _most_accurate(scored, share, allowed), f"{how}, {bound}"
    return _rejecting(scored.inside, allowed), f"rejects at most {allowed:,} of {inside:,} dev examples in scope"


def between(known: np.ndarray, unknown: np.ndarray) -> float:
    """A threshold from the scores of train's examples: ``known`` by a detector that has learnt others of their label,
    ``unknown`` by one that has learnt none. The encoder has learnt all of them, and other texts in scope lie in between
    (and those out of scope do, too)."""
    low, high = float(np.median(known)), float(np.median(unknown))
    return low + BETWEEN * (high - low)


def _most_accurate(scored: Scored, share: float, allowed: int) -> float:
    """Right are the right labels that are accepted, and what is out of scope and rejected.

    Of several best thresholds it is the highest, which rejects least.
    """
    places = _between(np.concatenate([scored.inside, scored.outside]))
    places = places[_above(scored.inside, places) <= allowed]
    accepted = 1 - _above(scored.inside[scored.right], places) / max(scored.right.sum(), 1)
    rejected = _above(scored.outside, places) / len(scored.outside)
    quality = (1 - share) * scored.right.mean() * accepted + share * rejected
    best = np.flatnonzero(quality >= quality.max() - 1e-12)  # equal ones must not differ by their rounding
    return float(places[best[-1]])


def _rejecting(inside: np.ndarray, allowed: int) -> float:
    """The lowest threshold that rejects no more than that."""
    places = _between(inside)
    return float(places[_above(inside, places) <= allowed][0])


def _above(scores: np.ndarray, places: np.ndarray) -> np.ndarray:
    """How many scores are above each place."""
    count: np.ndarray = len(scores) - np.searchsorted(np.sort(scores), places, side="right")
    return count


def _between(scores: np.ndarray) -> np.ndarray:
    """Where a threshold can be, ascending: half-way between neighbours, and above all.

    Not at a score: the same utterance in another batch may score a rounding error more.
    """
    distinct = np.unique(scores)
    above = distinct[-1] + 1e-6 * (1 + abs(distinct[-1]))
    places: np.ndarray = np.append((distinct[:-1] + distinct[1:]) / 2, above)
    return places
