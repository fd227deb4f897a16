"""The family of heads that give one label a text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Example
from nlu_kit.data.labels import IGNORE, LabelSpace
from nlu_kit.data.prediction import LabelPrediction
from nlu_kit.errors import DataError, NothingToLearnError, did_you_mean
from nlu_kit.heads.codec import Codec
from nlu_kit.heads.params import OneLabelParams, TemperatureState
from nlu_kit.metrics.calibration import fit_temperature, shrunk_temperature
from nlu_kit.metrics.classification import classification_report, macro_f1
from nlu_kit.metrics.counts import Counts, accuracy
from nlu_kit.metrics.numerics import softmax
from nlu_kit.metrics.report import HeadReport
from nlu_kit.params import Params

P = TypeVar("P", bound=Params)


class LabelCodec(Codec[P]):
    """One label a text, from ``logits`` [B, C]: softmax, a temperature fitted on dev, accuracy and macro F1.

    Fills ``field`` with the best label and ``<field>s`` with the ranked top k (``top_k`` of OneLabelParams, whose
    defaults other parameters get). A subclass overrides ``annotation`` where the label is not what the field of that
    name holds.
    """

    main_metric = "accuracy"
    one_label = True
    State = TemperatureState

    @property
    def fields(self) -> Sequence[str]:
        return self.field, f"{self.field}s"

    def annotation(self, example: Example) -> Any:
        """What the example is annotated with, or None: what ``field`` holds. Override it where that is not the label;
        what it returns is checked afterwards."""
        return example.get(self.field)

    def label(self, example: Example) -> str | None:
        """The annotation as a label. Raises DataError for a list or an object: a text has one label here."""
        value = self.annotation(example)
        if value is None:
            return None
        if not isinstance(value, (str, int, float)):
            shown = json.dumps(value, ensure_ascii=False, default=repr)
            raise DataError(
                f"{example.source}: '{self.field}' must be one label (a string), got {shown}; a head for sets of "
                "labels, such as 'multilabel_intent', takes several"
            )
        return str(value)

    def fit_labels(self, examples: Sequence[Example]) -> LabelSpace:
        """Every label, sorted. Raises NothingToLearnError where no example has one."""
        labels = LabelSpace.fit(label for example in examples if (label := self.label(example)) is not None)
        if not len(labels):
            raise NothingToLearnError(f"no training example has a label in its field '{self.field}'")
        return labels

    def label_examples(self) -> Sequence[Example]:
        """What the labels are called (``label_texts`` of OneLabelParams), one example a label. Raises DataError for
        texts of labels that are not its own, and for two labels with one text."""
        if self._options.label_texts is False:
            return ()
        given = self.given_texts
        for name in given:
            if name not in self.labels:
                close = did_you_mean(name, self.labels.names)
                raise DataError(
                    f"label_texts: no training example has the label '{name}'; {close}remove it, or add one"
                )
        texts = {name: given.get(name) or readable(name) for name in self.labels.names}
        called: dict[str, str] = {}
        for name, text in texts.items():
            other = called.setdefault(text.casefold(), name)
            if other != name:
                raise DataError(f"label_texts: '{other}' and '{name}' are both called '{text}'; give each its own text")
        field = self.field
        return [
            Example(text=text, intent=name if field == "intent" else None, labels={field: name}, source="label_texts")
            for name, text in texts.items()
        ]

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        """``labels``: a scalar class index; IGNORE without annotation or for a label that train never had."""
        label = self.label(example)
        index = None if label is None else self.labels.index(label)
        return {"labels": np.asarray(IGNORE if index is None else index, dtype=np.int64)}

    def unseen(self, example: Example) -> Sequence[str]:
        label = self.label(example)
        return () if label is None or label in self.labels else (label,)

    def decode(self, outputs: Mapping[str, np.ndarray], encodings: Sequence[Encoding]) -> list[Mapping[str, Any]]:
        """Softmax over ``logits`` [B, C] divided by the temperature; the confidence is the probability."""
        logits = outputs["logits"]
        probabilities = softmax(logits.astype(np.float64) / self.state.temperature)
        return [self._ranked(*row) for row in zip(logits, probabilities, strict=True)]

    @property
    def given_texts(self) -> Mapping[str, str]:
        """The texts that the pipeline gives for labels, by label."""
        texts = self._options.label_texts
        return {} if isinstance(texts, bool) else texts

    @property
    def _options(self) -> OneLabelParams:
        return self.params if isinstance(self.params, OneLabelParams) else OneLabelParams()

    def _ranked(self, logits: np.ndarray, probabilities: np.ndarray) -> Mapping[str, Any]:
        order = np.argsort(-logits, kind="stable")[: self._options.top_k]  # which no temperature changes
        ranked = tuple(
            LabelPrediction(name=self.labels.names[index], confidence=float(probabilities[index])) for index in order
        )
        best, ranking = self.fields
        return {best: ranked[0], ranking: ranked}

    def calibrate(
        self, outputs: Sequence[Mapping[str, np.ndarray]], targets: Sequence[Mapping[str, np.ndarray]]
    ) -> Mapping[str, Any]:
        """``temperature``; nothing where no example is annotated, nearly 1 where few are."""
        labels = np.array([target["labels"] for target in targets], dtype=np.int64)
        count = int((labels >= 0).sum())
        if not count:
            return {}
        fitted = fit_temperature(np.stack([output["logits"] for output in outputs]), labels)
        return {"temperature": shrunk_temperature(fitted, count, known=1.0)}

    def gold(self, example: Example) -> Mapping[str, Any] | None:
        label = self.label(example)
        return None if label is None else {self.field: LabelPrediction(name=label, confidence=1.0)}

    def matches(self, example: Example, prediction: Mapping[str, Any]) -> bool | None:
        label = self.label(example)
        return None if label is None else bool(prediction[self.field].name == label)

    def counts(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> Mapping[str, Counts]:
        """``accuracy`` over the annotated examples."""
        counted = accuracy(self.matches(*pair) for pair in zip(examples, predictions, strict=True))
        return {"accuracy": counted} if counted.denominators.any() else {}

    def figures(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
        """``macro_f1`` over the labels that are annotated."""
        gold, predicted = self._annotated(examples, predictions)
        return {"macro_f1": macro_f1(gold, predicted)} if gold else {}

    def confidence_pairs(self, example: Example, prediction: Mapping[str, Any]) -> Sequence[tuple[float, bool]]:
        """The label predicted: its confidence, and whether it is the one annotated."""
        right = self.matches(example, prediction)
        return () if right is None else [(prediction[self.field].confidence, right)]

    def report(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> HeadReport | None:
        """``micro_f1`` and ``weighted_f1``, a row per label, and the confusion matrix of the annotated examples."""
        return classification_report(*self._annotated(examples, predictions))

    def _annotated(
        self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]
    ) -> tuple[list[str], list[str]]:
        """(annotated, predicted) labels, where there is an annotation."""
        pairs = [
            (label, prediction[self.field].name)
            for example, prediction in zip(examples, predictions, strict=True)
            if (label := self.label(example)) is not None
        ]
        return [gold for gold, _ in pairs], [predicted for _, predicted in pairs]


def readable(name: str) -> str:
    """A label as words: ``book_flight``, ``book-flight``, ``BookFlight`` and ``travel:book.flight`` have spaces then.
    What has no letters stays as it is."""
    words = re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)).strip()
    return words or name
