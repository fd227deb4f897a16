"""The family of heads that give one label a text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Example
from nlu_kit.data.labels import IGNORE, LabelSpace
from nlu_kit.data.prediction import LabelPrediction
from nlu_kit.data.printable import one_line
from nlu_kit.errors import DataError, NothingToLearnError, did_you_mean
from nlu_kit.heads.codec import Codec, Vectors
from nlu_kit.heads.label_names import distinct_names, telling
from nlu_kit.heads.params import OneLabelParams, TemperatureState
from nlu_kit.metrics.calibration import fit_temperature, shrunk_temperature
from nlu_kit.metrics.classification import classification_report, macro_f1
from nlu_kit.metrics.counts import Counts, accuracy
from nlu_kit.metrics.numerics import softmax
from nlu_kit.metrics.report import HeadReport
from nlu_kit.params import Params

P = TypeVar("P", bound=Params)

_SAMPLE = 10  # examples of a label that its name is compared with
_SHOWN = 10  # labels
_HINT = "label_texts can give them texts, or be false"


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
        """What the labels are called (``label_texts`` of OneLabelParams), one example a label. Names without a letter,
        and names that several labels have once they are read as words, have none. Raises DataError for texts of labels
        that are not its own, and for a given text that two labels have."""
        return [self._called(name, text) for name, text in self._label_texts().items()]

    def chosen_label_examples(self, train: Sequence[Example], vectors: Vectors) -> tuple[Sequence[Example], str]:
        """Without names that say nothing of their labels' examples, such as ``intent_7``. Where other names are learnt
        from, a label without one has one of its examples twice, so that it does not count less."""
        texts = self._label_texts()
        given = self.given_texts
        named = [name for name in texts if name not in given]
        if self._options.label_texts is False:
            return (), ""
        sample = self._some_of_each(train) if named else []
        found = vectors([*(texts[name] for name in named), *(text for _, text in sample)])
        told = telling(named, found[: len(named)], [label for label, _ in sample], found[len(named) :])
        chosen = [self._called(name, text) for name, text in texts.items() if name in given or name in told]
        missing = [name for name in self.labels.names if name not in given and name not in told]
        if told:
            first = dict(reversed(sample))
            chosen += [self._called(name, first[name]) for name in missing if name in first]
        return chosen, _left_out([name for name in missing if name not in texts], sorted(set(named) - told))

    def _label_texts(self) -> dict[str, str]:
        """By label, in the order of the labels; raises DataError as ``label_examples`` does."""
        if self._options.label_texts is False:
            return {}
        given = self.given_texts
        for name in given:
            if name not in self.labels:
                close = did_you_mean(name, self.labels.names)
                raise DataError(
                    f"label_texts: no training example has the label '{name}'; {close}remove it, or add one"
                )
        names = distinct_names([name for name in self.labels.names if name not in given])
        texts = {name: text for name in self.labels.names if (text := given.get(name) or names.get(name)) is not None}
        called: dict[str, str] = {}
        for name, text in texts.items():
            other = called.setdefault(text.casefold(), name)
            if other != name:
                raise DataError(f"label_texts: '{other}' and '{name}' are both called '{text}'; give each its own text")
        return texts

    def _called(self, name: str, text: str) -> Example:
        field = self.field
        intent = name if field == "intent" else None
        return Example(text=text, intent=intent, labels={field: name}, source="label_texts")

    def _some_of_each(self, train: Sequence[Example]) -> list[tuple[str, str]]:
        """(label, text) of the first few examples of each label."""
        counts: Counter[str] = Counter()
        some = []
        for example in train:
            label = self.label(example)
            if label is not None and counts[label] < _SAMPLE:
                counts[label] += 1
                some.append((label, example.text))
        return some

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


def _left_out(alike: Sequence[str], opaque: Sequence[str]) -> str:
    """What to say of the labels whose names are not learnt from; empty where there are none."""
    reasons = [
        f"{why} ({_listed(names)})"
        for names, why in (
            (alike, "have no letters or read the same"),
            (opaque, "say nothing of their examples"),
        )
        if names
    ]
    if not reasons:
        return ""
    return (
        f"label_texts: these labels' names are not learnt from, since they {'; or since they '.join(reasons)}; {_HINT}"
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(one_line(name) for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown}, … {len(names):,} in all"
