"""The utterances that a model got wrong, worst first: those of which it was most confident."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from nlu_kit.data.prediction import OUT_OF_SCOPE, LabelPrediction, Prediction
from nlu_kit.evaluation.mistakes import WRONG, mistakes
from nlu_kit.evaluation.predictions import Predictions

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
