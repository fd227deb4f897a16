"""The torch-free half of the `intent` head: targets, decoding, metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.data.prediction import LabelPrediction
from nlu_kit.metrics.calibration import fit_temperature, softmax
from nlu_kit.metrics.classification import classification_report, classification_scores
from nlu_kit.metrics.report import HeadReport
from nlu_kit.model.protocols import IGNORE, Codec
from nlu_kit_intent.annotation import label_of
from nlu_kit_intent.params import IntentParams


class IntentCodec(Codec):
    """Fills ``field`` with the best label and ``<field>s`` with the ranked top k."""

    main_metric = "accuracy"

    def __init__(self, params: IntentParams, labels: LabelSpace, state: Mapping[str, Any] | None = None) -> None:
        self.labels = labels
        self.field = params.field
        self.ranking = f"{params.field}s"
        self.fields: Sequence[str] = (self.field, self.ranking)
        self.top_k = params.top_k
        self.temperature = float((state or {}).get("temperature", 1.0))

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        """``labels``: a scalar class index; IGNORE without annotation or for a label that train never had."""
        value = label_of(example, self.field)
        index = None if value is None else self.labels.index(value)
        return {"labels": np.asarray(IGNORE if index is None else index, dtype=np.int64)}

    def decode(self, outputs: Mapping[str, np.ndarray], encodings: Sequence[Encoding]) -> list[Mapping[str, Any]]:
        """Softmax over ``logits`` [B, C] divided by the temperature; the confidence is the probability."""
        logits = outputs["logits"]
        probabilities = softmax(logits.astype(np.float64) / self.temperature)
        return [self._fields(*row) for row in zip(logits, probabilities, strict=True)]

    def _fields(self, logits: np.ndarray, probabilities: np.ndarray) -> Mapping[str, Any]:
        order = np.argsort(-logits, kind="stable")[: self.top_k]  # which no temperature changes
        ranked = tuple(
            LabelPrediction(name=self.labels.names[index], confidence=float(probabilities[index])) for index in order
        )
        return {self.field: ranked[0], self.ranking: ranked}

    def gold(self, example: Example) -> Mapping[str, Any] | None:
        value = label_of(example, self.field)
        return None if value is None else {self.field: LabelPrediction(name=value, confidence=1.0)}

    def matches(self, example: Example, prediction: Mapping[str, Any]) -> bool | None:
        value = label_of(example, self.field)
        return None if value is None else bool(prediction[self.field].name == value)

    def evaluate(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
        """``accuracy`` and ``macro_f1`` over the annotated examples."""
        return classification_scores(*self._annotated(examples, predictions))

    def report(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> HeadReport:
        """``micro_f1`` and ``weighted_f1``, a row per label, and the confusion matrix of the annotated examples."""
        return classification_report(*self._annotated(examples, predictions))

    def _annotated(
        self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]
    ) -> tuple[list[str], list[str]]:
        """(annotated, predicted) labels, where there is an annotation."""
        pairs = [
            (value, prediction[self.field].name)
            for example, prediction in zip(examples, predictions, strict=True)
            if (value := label_of(example, self.field)) is not None
        ]
        return [gold for gold, _ in pairs], [predicted for _, predicted in pairs]

    def calibrate(
        self, outputs: Sequence[Mapping[str, np.ndarray]], targets: Sequence[Mapping[str, np.ndarray]]
    ) -> Mapping[str, Any]:
        """``temperature``; nothing where no example is annotated."""
        labels = np.array([target["labels"] for target in targets], dtype=np.int64)
        if not (labels >= 0).any():
            return {}
        return {"temperature": fit_temperature(np.stack([output["logits"] for output in outputs]), labels)}

    def judged(self, example: Example, prediction: Mapping[str, Any]) -> Sequence[tuple[float, bool]]:
        """The label predicted: its confidence, and whether it is the one annotated."""
        right = self.matches(example, prediction)
        return () if right is None else [(prediction[self.field].confidence, right)]

    def unseen(self, example: Example) -> Sequence[str]:
        value = label_of(example, self.field)
        return () if value is None or value in self.labels else (value,)
