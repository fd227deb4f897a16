"""The family of heads that give any number of labels a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import Field

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.data.prediction import LabelPrediction
from nlu_kit.errors import DataError, NothingToLearnError
from nlu_kit.heads.codec import Codec, CodecContext
from nlu_kit.heads.params import LabelSetParams
from nlu_kit.metrics.calibration import tune_thresholds
from nlu_kit.metrics.classification import label_rows
from nlu_kit.metrics.counts import Counts, accuracy, set_counts
from nlu_kit.metrics.numerics import sigmoid
from nlu_kit.metrics.report import HeadReport
from nlu_kit.params import Params

P = TypeVar("P", bound=LabelSetParams)
Threshold = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class ThresholdState(Params):
    """What the codec keeps in a model folder: the common threshold, and those of single labels."""

    threshold: Threshold | None = None
    thresholds: dict[str, Threshold] = Field(default_factory=dict)


class LabelSetCodec(Codec[P]):
    """Any number of labels a text, from ``logits`` [B, C]: sigmoid, and a threshold for each label, tuned on dev.

    Fills ``<field>s`` with a tuple of LabelPrediction, the surest first: all that reach their threshold, maybe none.
    The head produces ``"multilabel_logits"``. ``main_metric`` is the micro F1: it moves with each label that is found
    or made up. The accuracy moves only when the last mistake in a text goes, so on a small dev set it is too coarse to
    choose an epoch by.
    """

    main_metric = "micro_f1"
    State = ThresholdState

    def __init__(self, params: P, context: CodecContext) -> None:
        super().__init__(params, context)
        self.threshold = params.threshold if self.state.threshold is None else self.state.threshold
        self.thresholds = np.array([self.state.thresholds.get(name, self.threshold) for name in self.labels.names])

    @property
    def field(self) -> str:
        """Of a prediction."""
        return f"{self.params.field}s"

    @property
    def fields(self) -> Sequence[str]:
        return (self.field,)

    def annotation(self, example: Example) -> Any:
        """What the example is annotated with, or None: what ``<field>s`` or else ``field`` holds. Override it where
        that is not the labels; what it returns is checked afterwards."""
        value = example.get(self.field)
        return example.get(self.params.field) if value is None else value

    def label_set(self, example: Example) -> tuple[str, ...] | None:
        """The annotation as labels, without repeats. A list is taken as it is, a string is one label or, with a
        ``separator``, cut there. Raises DataError for anything else, and for a label that is blank."""
        value = self.annotation(example)
        if value is None:
            return None
        if isinstance(value, str) and self.params.separator:
            value = [part.strip() for part in value.split(self.params.separator)]
        items = list(value) if isinstance(value, (list, tuple)) else [value]
        for item in items:
            if not isinstance(item, (str, int, float)) or not str(item).strip():
                raise DataError(
                    f"{example.source}: '{self.params.field}' must be a label or a list of labels (strings that are "
                    f"not empty) to train a head on it, got {self.annotation(example)!r}"
                )
        return tuple(dict.fromkeys(str(item) for item in items))

    def fit_labels(self, examples: Sequence[Example]) -> LabelSpace:
        """Every label, sorted. Raises NothingToLearnError where no example has one."""
        labels = LabelSpace.fit(label for example in examples for label in self.label_set(example) or ())
        if not len(labels):
            raise NothingToLearnError(f"no training example has a label in its field '{self.params.field}'")
        return labels

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        """``labels`` [C] float32: 1 for each label of the text, 0 for the others; NaN without annotation."""
        annotated = self.label_set(example)
        targets = np.full(len(self.labels), np.nan if annotated is None else 0.0, dtype=np.float32)
        for name in annotated or ():
            index = self.labels.index(name)
            if index is not None:
                targets[index] = 1.0
        return {"labels": targets}

    def unseen(self, example: Example) -> Sequence[str]:
        return [name for name in self.label_set(example) or () if name not in self.labels]

    def decode(self, outputs: Mapping[str, np.ndarray], encodings: Sequence[Encoding]) -> list[Mapping[str, Any]]:
        """A sigmoid on each of ``logits`` [B, C]; the confidence is that probability, not how far above its threshold
        it is."""
        return [{self.field: self._passed(row)} for row in sigmoid(outputs["logits"])]

    def _passed(self, probabilities: np.ndarray) -> tuple[LabelPrediction, ...]:
        passed = np.flatnonzero(probabilities >= self.thresholds)
        ranked = passed[np.argsort(-probabilities[passed], kind="stable")]
        return tuple(
            LabelPrediction(name=self.labels.names[index], confidence=float(probabilities[index])) for index in ranked
        )

    def calibrate(
        self, outputs: Sequence[Mapping[str, np.ndarray]], targets: Sequence[Mapping[str, np.ndarray]]
    ) -> Mapping[str, Any]:
        """Those with the highest F1: ``thresholds`` by label, and a common ``threshold`` for labels rare on dev."""
        pairs = [(o["logits"], t["labels"]) for o, t in zip(outputs, targets, strict=True)]
        annotated = [(logits, labels) for logits, labels in pairs if not np.isnan(labels).any()]
        if not annotated:
            return {}
        probabilities = sigmoid(np.stack([logits for logits, _ in annotated]))
        gold = np.stack([labels for _, labels in annotated]) > 0.5
        support = self.params.min_support
        common, own = tune_thresholds(probabilities, gold, min_support=support, otherwise=self.threshold)
        return {"threshold": common, "thresholds": {self.labels.names[index]: own[index] for index in own}}

    def gold(self, example: Example) -> Mapping[str, Any] | None:
        annotated = self.label_set(example)
        if annotated is None:
            return None
        return {self.field: tuple(LabelPrediction(name=name, confidence=1.0) for name in annotated)}

    def matches(self, example: Example, prediction: Mapping[str, Any]) -> bool | None:
        annotated = self.label_set(example)
        return None if annotated is None else set(annotated) == self._names(prediction)

    def counts(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> Mapping[str, Counts]:
        """``micro_f1``, ``micro_precision``, ``micro_recall`` and ``accuracy`` (exactly the annotated set) over the
        annotated examples; nothing where none of these has a label."""
        micro = set_counts(
            None if (gold := self.label_set(example)) is None else (set(gold), self._names(prediction))
            for example, prediction in zip(examples, predictions, strict=True)
        )
        if not micro:
            return {}
        return {
            "micro_f1": micro["f1"],
            "accuracy": accuracy(self.matches(*pair) for pair in zip(examples, predictions, strict=True)),
            "micro_precision": micro["precision"],
            "micro_recall": micro["recall"],
        }

    def figures(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
        """``macro_f1`` over the labels that are annotated."""
        of_gold = [row.f1 for row in label_rows(*self._annotated(examples, predictions)) if row.support]
        return {"macro_f1": sum(of_gold) / len(of_gold)} if of_gold else {}

    def confidence_pairs(self, example: Example, prediction: Mapping[str, Any]) -> Sequence[tuple[float, bool]]:
        """Each label predicted: its confidence, and whether it is annotated."""
        annotated = self.label_set(example)
        if annotated is None:
            return ()
        return [(label.confidence, label.name in annotated) for label in prediction[self.field]]

    def report(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> HeadReport | None:
        """A row per label. Sets have no confusion matrix."""
        gold, predicted = self._annotated(examples, predictions)
        return HeadReport(labels=label_rows(gold, predicted)) if any(gold) else None

    def _annotated(
        self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]
    ) -> tuple[list[tuple[str, ...]], list[set[str]]]:
        """(annotated, predicted) labels of the annotated examples."""
        pairs = [
            (annotated, self._names(prediction))
            for example, prediction in zip(examples, predictions, strict=True)
            if (annotated := self.label_set(example)) is not None
        ]
        return [gold for gold, _ in pairs], [predicted for _, predicted in pairs]

    def _names(self, prediction: Mapping[str, Any]) -> set[str]:
        return {label.name for label in prediction[self.field]}
