"""The half of the `sentiment` head that needs no torch: what stars are, and how close a guess comes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nlu_kit.plugin import (
    Counts,
    DataError,
    Encoding,
    Example,
    LabelCodec,
    LabelPrediction,
    LabelSpace,
    accuracy,
    softmax,
)
from nlu_kit_sentiment import SentimentParams

_WHOLE = re.compile(r"[+-]?[0-9]{1,9}(\.0*)?")  # also as text: a reader of tables gives nothing else


@dataclass(frozen=True, slots=True, kw_only=True)
class StarsPrediction(LabelPrediction):
    """``name``: the stars that the head decides for; ``value``: their mean, with fractions."""

    value: float = field(compare=False)


class SentimentCodec(LabelCodec[SentimentParams]):
    """One label a text, as the family has it, but the labels have an order. Fills ``field`` with a StarsPrediction."""

    main_metric = "closeness"

    @property
    def fields(self) -> Sequence[str]:
        return (self.field,)

    def label(self, example: Example) -> str | None:
        """Raises DataError, with the example's source, for anything that is no whole number on the scale."""
        value = example.get(self.params.field)
        if value is None:
            return None
        written, lowest, highest = str(value).strip(), self.params.lowest, self.params.highest
        if not _WHOLE.fullmatch(written) or not lowest <= float(written) <= highest:
            raise DataError(
                f"{example.source}: '{self.params.field}' must be a whole number from {lowest} to {highest}, got "
                f"{value!r}; mend it, leave it out where nobody has rated, or set lowest and highest of the head"
            )
        return str(int(float(written)))

    def fit_labels(self, examples: Sequence[Example]) -> LabelSpace:
        """Every step of the scale, lowest first, also those that no example has: their order is known all the same."""
        super().fit_labels(examples)  # which raises where nobody has rated
        return LabelSpace(tuple(str(stars) for stars in range(self.params.lowest, self.params.highest + 1)))

    def decode(self, outputs: Mapping[str, np.ndarray], encodings: Sequence[Encoding]) -> list[Mapping[str, Any]]:
        """The median of the steps, which has the least absolute error to be expected; no temperature changes it."""
        logits = outputs["logits"].astype(np.float64)
        medians = (np.cumsum(softmax(logits), axis=1)[:, :-1] < 0.5).sum(axis=1)
        chances = softmax(logits / self.state.temperature)
        means = self.params.lowest + chances @ np.arange(len(self.labels))
        rows = zip(medians, chances, means, strict=True)
        return [{self.field: self._stars(int(median), row[median], mean)} for median, row, mean in rows]

    def _stars(self, step: int, confidence: float, value: float) -> StarsPrediction:
        return StarsPrediction(name=self.labels.names[step], confidence=float(confidence), value=float(value))

    def gold(self, example: Example) -> Mapping[str, Any] | None:
        label = self.label(example)
        return None if label is None else {self.field: StarsPrediction(name=label, confidence=1.0, value=float(label))}

    def counts(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> Mapping[str, Counts]:
        """``closeness``, 1 less the mean absolute error in parts of the scale; ``accuracy``, the share that is exact;
        ``within_one``, the share that is one step off at most."""
        found = super().counts(examples, predictions)
        if not found:
            return {}
        scale = self.params.highest - self.params.lowest
        errors = [
            None if (label := self.label(example)) is None else abs(int(label) - int(prediction[self.field].name))
            for example, prediction in zip(examples, predictions, strict=True)
        ]
        return {
            **found,
            "closeness": Counts.of((0, 0) if error is None else (scale - error, scale) for error in errors),
            "within_one": accuracy(None if error is None else error <= 1 for error in errors),
        }
