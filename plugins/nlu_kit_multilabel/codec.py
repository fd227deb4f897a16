"""The torch-free half of the `multilabel_intent` head: targets, thresholds, decoding, metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.data.prediction import LabelPrediction
from nlu_kit.metrics.report import HeadReport
from nlu_kit.model.protocols import Codec
from nlu_kit_multilabel.annotation import labels_of
from nlu_kit_multilabel.params import MultilabelParams
from nlu_kit_multilabel.scores import label_scores, micro_scores, multilabel_scores
from nlu_kit_multilabel.thresholds import tune


class MultilabelCodec(Codec):
    """Fills ``<field>s`` with a tuple of LabelPrediction, the surest first: all that reach their threshold, maybe none.

    ``main_metric`` is the micro F1: it moves with each label that is found or made up. The accuracy moves only when
    the last mistake in a text goes, so on a small dev set it is too coarse to choose an epoch by.
    """

    main_metric = "micro_f1"

    def __init__(self, params: MultilabelParams, labels: LabelSpace, state: Mapping[str, Any]) -> None:
        self.labels = labels
        self.field, self.separator = params.field, params.separator
        self.output = f"{params.field}s"
        self.fields: Sequence[str] = (self.output,)
        self.min_support = params.min_support
        self.threshold: float = state.get("threshold", params.threshold)
        own: Mapping[str, float] = state.get("thresholds", {})
        self.thresholds = np.array([own.get(name, self.threshold) for name in labels.names], dtype=np.float64)

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        """``labels`` [C] float32: 1 for each label of the text, 0 for the others; NaN without annotation."""
        annotated = labels_of(example, self.field, self.separator)
        targets = np.full(len(self.labels), np.nan if annotated is None else 0.0, dtype=np.float32)
        for name in annotated or ():
            index = self.labels.index(name)
            if index is not None:
                targets[index] = 1.0
        return {"labels": targets}

    def decode(self, outputs: Mapping[str, np.ndarray], encodings: Sequence[Encoding]) -> list[Mapping[str, Any]]:
        """A sigmoid on each of ``logits`` [B, C]; the confidence is that probability, not how far above its threshold
        it is."""
        return [{self.output: self._passed(row)} for row in _sigmoid(outputs["logits"])]

    def _passed(self, probabilities: np.ndarray) -> tuple[LabelPrediction, ...]:
        passed = np.flatnonzero(probabilities >= self.thresholds)
        ranked = passed[np.argsort(-probabilities[passed], kind="stable")]
        return tuple(
            LabelPrediction(name=self.labels.names[index], confidence=float(probabilities[index])) for index in ranked
        )

    def gold(self, example: Example) -> Mapping[str, Any] | None:
        annotated = labels_of(example, self.field, self.separator)
        if annotated is None:
            return None
        return {self.output: tuple(LabelPrediction(name=name, confidence=1.0) for name in annotated)}

    def matches(self, example: Example, prediction: Mapping[str, Any]) -> bool | None:
        annotated = labels_of(example, self.field, self.separator)
        return None if annotated is None else set(annotated) == set(_names(prediction[self.output]))

    def evaluate(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
        """``micro_f1``, ``macro_f1`` and ``accuracy`` (exactly the annotated set) over the annotated examples.

        Nothing where none of these has a label.
        """
        return multilabel_scores(*self._pairs(examples, predictions))

    def unseen(self, example: Example) -> Sequence[str]:
        annotated = labels_of(example, self.field, self.separator) or ()
        return [name for name in annotated if name not in self.labels]

    def calibrate(
        self, outputs: Sequence[Mapping[str, np.ndarray]], targets: Sequence[Mapping[str, np.ndarray]]
    ) -> Mapping[str, Any]:
        """Those with the highest F1: ``thresholds`` by label, and a common ``threshold`` for labels rare on dev."""
        pairs = [(o["logits"], t["labels"]) for o, t in zip(outputs, targets, strict=True)]
        annotated = [(logits, labels) for logits, labels in pairs if not np.isnan(labels).any()]
        if not annotated:
            return {}
        probabilities = _sigmoid(np.stack([logits for logits, _ in annotated]))
        gold = np.stack([labels for _, labels in annotated]) > 0.5
        common, own = tune(probabilities, gold, min_support=self.min_support, otherwise=self.threshold)
        return {"threshold": common, "thresholds": {self.labels.names[index]: own[index] for index in own}}

    def judged(self, example: Example, prediction: Mapping[str, Any]) -> Sequence[tuple[float, bool]]:
        annotated = labels_of(example, self.field, self.separator)
        if annotated is None:
            return ()
        return [(label.confidence, label.name in annotated) for label in prediction[self.output]]

    def report(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> HeadReport | None:
        """``micro_precision`` and ``micro_recall``, and a row per label. Sets have no confusion matrix."""
        gold, predicted = self._pairs(examples, predictions)
        if not any(gold):
            return None
        return HeadReport(metrics=micro_scores(gold, predicted), labels=label_scores(gold, predicted))

    def _pairs(
        self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]
    ) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
        """(annotated, predicted) labels of the annotated examples."""
        gold, predicted = [], []
        for example, prediction in zip(examples, predictions, strict=True):
            annotated = labels_of(example, self.field, self.separator)
            if annotated is not None:
                gold.append(annotated)
                predicted.append(_names(prediction[self.output]))
        return gold, predicted


def _names(predictions: Sequence[LabelPrediction]) -> tuple[str, ...]:
    return tuple(prediction.name for prediction in predictions)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probabilities, float64; as a softmax against 0, which does not overflow."""
    wide = logits.astype(np.float64)
    probabilities: np.ndarray = np.exp(wide - np.logaddexp(wide, 0.0))
    return probabilities
