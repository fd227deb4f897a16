"""What a model did on each utterance, as numbers that can be resampled; from codecs only, so for any head.

For each head, by kind:

- ``right``: 1 over 1 where the codec says that the prediction is entirely right, 0 over 1 where not, 0 over 0 where the
  utterance is not annotated. Its ratio of sums is accuracy.
- ``spans``, where the annotation is spans: twice the spans found over the spans of both sides. Its ratio is micro F1.
- ``labels``, where the annotation is any number of labels: the same of these.
- ``precision`` and ``recall``, with either: what was found over what was predicted, and over what was annotated.

Whether a head's main metric *is* one of these ratios is not assumed but compared, by whoever resamples (``explains``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nlu_kit.data.example import Example
from nlu_kit.data.prediction import EntityPrediction, LabelPrediction, Prediction
from nlu_kit.heads.codec import Codec
from nlu_kit.model.score import EXACT_MATCH

RIGHT, SPANS, LABELS, PRECISION, RECALL = "right", "spans", "labels", "precision", "recall"
KINDS = (SPANS, LABELS, RIGHT, PRECISION, RECALL)
"""In the order in which they are tried on a metric: where all is right, all fit."""

Pairs = list[tuple[int, int]]

_SETS: Mapping[str, tuple[type, Callable[[Any], Any]]] = {
    SPANS: (EntityPrediction, lambda entity: (entity.start, entity.end, entity.label)),
    LABELS: (LabelPrediction, lambda label: label.name),
}
"""Kinds of which an annotation holds any number: the class of one, and what makes two the same."""


def outcomes(
    codecs: Mapping[str, Codec], examples: Sequence[Example], predictions: Sequence[Prediction]
) -> dict[str, dict[str, dict[str, list[int]]]]:
    """Head (and ``exact_match``) -> kind -> ``numerators`` and ``denominators``, one per utterance."""
    fields = [prediction.fields for prediction in predictions]
    found: dict[str, dict[str, Pairs]] = {}
    verdicts: list[list[bool]] = [[] for _ in examples]
    for name, codec in codecs.items():
        matches = [codec.matches(example, values) for example, values in zip(examples, fields, strict=True)]
        for verdict, match in zip(verdicts, matches, strict=True):
            verdict += [] if match is None else [bool(match)]
        found[name] = {RIGHT: [(0, 0) if match is None else (int(match), 1) for match in matches]}
        found[name] |= _of_sets(codec, [codec.gold(example) for example in examples], fields)
    found[EXACT_MATCH] = {RIGHT: [(int(all(verdict)), 1) if verdict else (0, 0) for verdict in verdicts]}
    return {
        name: {
            kind: {"numerators": [top for top, _ in pairs], "denominators": [bottom for _, bottom in pairs]}
            for kind, pairs in kinds.items()
        }
        for name, kinds in found.items()
    }


def explains(part: Mapping[str, Sequence[int]], figure: float) -> bool:
    """Whether the ratio of sums is this figure."""
    top, bottom = sum(part["numerators"]), sum(part["denominators"])
    return math.isclose(top / bottom if bottom else 1.0, figure, abs_tol=1e-9)


def _of_sets(
    codec: Codec, golds: Sequence[Mapping[str, Any] | None], predictions: Sequence[Mapping[str, Any]]
) -> dict[str, Pairs]:
    """The kind of the first annotated field that holds sets of one, if there is such a field."""
    for field in codec.fields:
        annotated = [gold[field] for gold in golds if gold is not None and field in gold]
        for kind, (item_type, same) in _SETS.items():
            if _are_sets(annotated, item_type):
                pairs = zip(golds, predictions, strict=True)
                counts = [_shared(gold, predicted, field, same) for gold, predicted in pairs]
                return {
                    kind: [(2 * found, wanted + got) for found, wanted, got in counts],
                    PRECISION: [(found, got) for found, _, got in counts],
                    RECALL: [(found, wanted) for found, wanted, _ in counts],
                }
    return {}


def _are_sets(values: Sequence[Any], item_type: type) -> bool:
    """Every annotation is a tuple of such items, and at least one is not empty."""
    return any(values) and all(
        isinstance(value, tuple) and all(isinstance(item, item_type) for item in value) for value in values
    )


def _shared(
    gold: Mapping[str, Any] | None, predicted: Mapping[str, Any], field: str, same: Callable[[Any], Any]
) -> tuple[int, int, int]:
    """How many are on both sides, annotated, predicted."""
    if gold is None:
        return 0, 0, 0
    wanted, got = ({same(item) for item in fields[field]} for fields in (gold, predicted))
    return len(wanted & got), len(wanted), len(got)
