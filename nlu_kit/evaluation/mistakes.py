"""In what way predictions differ from the annotation, by the form of the two (labels, spans, or anything), and the list
of utterances with an error, worst first."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlu_kit.data.prediction import OUT_OF_SCOPE, EntityPrediction, LabelPrediction, Prediction
from nlu_kit.evaluation.predictions import Predictions

WRONG, MISSED, SPURIOUS = "wrong", "missed", "spurious"
BOUNDARY, TYPE, BOTH = "boundary", "type", "boundary and type"

Mistake = tuple[str, tuple[str, ...]]
"""(kind, the labels that it concerns)"""


def mistakes(gold: Mapping[str, Any], predicted: Mapping[str, Any]) -> list[Mistake]:
    """Each thing that is wrong in the fields that ``gold`` has; ``wrong`` where the form says no more."""
    found: list[Mistake] = []
    for field, wanted in gold.items():
        got: Any = predicted.get(field)
        if isinstance(wanted, LabelPrediction) and isinstance(got, LabelPrediction):
            found += [(WRONG, (wanted.name, got.name))] if wanted.name != got.name else []
        elif _all(wanted, EntityPrediction) and _all(got, EntityPrediction):
            found += span_mistakes(wanted, got)
        elif _all(wanted, LabelPrediction) and _all(got, LabelPrediction):
            names, others = {label.name for label in wanted}, {label.name for label in got}
            found += [(MISSED, (name,)) for name in sorted(names - others)]
            found += [(SPURIOUS, (name,)) for name in sorted(others - names)]
    return found


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    start: int
    end: int
    label: str

    def touches(self, other: _Place) -> bool:
        return self.start < other.end and other.start < self.end


def span_mistakes(gold: Sequence[EntityPrediction], predicted: Sequence[EntityPrediction]) -> list[Mistake]:
    """Each span that only one side has, paired where it can be: ``type`` (same boundaries), ``boundary`` (they overlap
    and have the same label), ``boundary and type`` (they overlap); ``missed`` and ``spurious`` are what is left."""
    wanted, got = ({_Place(e.start, e.end, e.label) for e in side} for side in (gold, predicted))
    wanted, got = wanted - got, got - wanted
    found: list[tuple[_Place, Mistake]] = []
    rules = (
        (TYPE, lambda a, b: (a.start, a.end) == (b.start, b.end)),
        (BOUNDARY, lambda a, b: a.label == b.label and a.touches(b)),
        (BOTH, lambda a, b: a.touches(b)),
    )
    for kind, fits in rules:
        for place in sorted(wanted):
            partner = next((other for other in sorted(got) if fits(place, other)), None)
            if partner is not None:
                wanted.discard(place)
                got.discard(partner)
                found.append((place, (kind, tuple(dict.fromkeys((place.label, partner.label))))))
    found += [(place, (MISSED, (place.label,))) for place in wanted]
    found += [(place, (SPURIOUS, (place.label,))) for place in got]
    return [mistake for _, mistake in sorted(found)]


def _all(value: Any, kind: type) -> bool:
    return isinstance(value, tuple) and all(isinstance(item, kind) for item in value)


Error = Mapping[str, Any]


def find_errors(predictions: Predictions) -> list[Error]:
    """A record for each utterance in which some head is not entirely right.

    ``confidence`` is the highest of what was predicted and is wrong, None where something is only missing; these come
    last. ``heads`` are those that are wrong, ``kinds`` say how, ``labels`` which labels that concerns; ``gold`` and
    ``predicted`` hold all annotated fields.
    """
    found = []
    for part in predictions.parts:
        for example, prediction in zip(part.examples, part.predictions, strict=True):
            gold: dict[str, Any] = {}
            heads, kinds, labels, confidences = list[str](), list[str](), list[str](), list[float]()
            for name, codec in part.codecs.items():
                wanted = codec.gold(example)
                gold |= wanted or {}
                if codec.matches(example, prediction.fields) is not False:
                    continue
                heads.append(name)
                how = mistakes(wanted or {}, prediction.fields) or [(WRONG, ())]
                kinds += [f"{name}: {kind}" for kind, _ in how]
                labels += [label for _, concerned in how for label in concerned]
                pairs = codec.confidence_pairs(example, prediction.fields)
                confidences += [float(confidence) for confidence, right in pairs if not right]
            if part.watched is not None and prediction.fields[OUT_OF_SCOPE] != example.out_of_scope:
                gold[OUT_OF_SCOPE] = example.out_of_scope
                heads.append(OUT_OF_SCOPE)
                kinds.append(f"{OUT_OF_SCOPE}: {'accepted' if example.out_of_scope else 'rejected'}")
                if example.out_of_scope:  # then the label that it was given, where none was meant, tells most
                    named = _named(prediction, part.codecs[part.watched].fields)
                    gold |= dict.fromkeys(named)
                    labels += [label.name for label in named.values()]
                    confidences += [label.confidence for label in named.values()]
            if heads:
                predicted = {field: prediction.fields[field] for field in gold if field in prediction.fields}
                found.append(
                    {
                        "text": example.text,
                        "source": example.source,
                        "confidence": max(confidences, default=None),
                        "heads": heads,
                        "kinds": kinds,
                        "labels": list(dict.fromkeys(labels)),
                        "gold": plain(gold),
                        "predicted": plain(predicted),
                        "truncated": prediction.truncated,
                    }
                )
    return sorted(found, key=lambda error: -1.0 if error["confidence"] is None else error["confidence"], reverse=True)


def _named(prediction: Prediction, fields: Sequence[str]) -> dict[str, LabelPrediction]:
    found = {field: prediction.fields[field] for field in fields}
    return {field: value for field, value in found.items() if isinstance(value, LabelPrediction)}


def plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a prediction in what JSON has."""
    record = Prediction(text="", truncated=False, fields=fields).to_json()
    return {name: record[name] for name in fields}


def kind_counts(errors: Sequence[Error]) -> dict[str, int]:
    """How often each kind occurs, the most frequent first."""
    return dict(Counter(kind for error in errors for kind in error["kinds"]).most_common())


def errors_text(errors: Sequence[Error]) -> str:
    """errors.jsonl: a record a line."""
    return "".join(json.dumps(error, ensure_ascii=False) + "\n" for error in errors)
