"""Models' predictions beside their examples. An evaluation is of one set, a cross-validation of one per fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Example
from nlu_kit.data.findings import Unlearnable
from nlu_kit.data.prediction import Prediction
from nlu_kit.data.printable import one_line
from nlu_kit.heads.codec import Codecs

ConfidencePairs = list[tuple[float, bool]]


@dataclass(frozen=True, slots=True)
class PredictionSet:
    """Three parallel sequences, and the codecs of the model that made the predictions.

    ``watched`` is the head whose labels its detector takes for the scope; None where it has no detector.
    ``uncalibrated`` are the predictions as they would be without temperatures; None where nobody asked for them.
    """

    codecs: Codecs
    examples: Sequence[Example]
    encodings: Sequence[Encoding]
    predictions: Sequence[Prediction]
    watched: str | None = None
    uncalibrated: Sequence[Prediction] | None = None

    @property
    def fields(self) -> list[Mapping[str, Any]]:
        return [prediction.fields for prediction in self.predictions]

    def confidence_pairs(self, head: str, predictions: Sequence[Prediction]) -> list[ConfidencePairs]:
        """For each example what the codec says of each thing predicted."""
        codec = self.codecs[head]
        pairs = zip(self.examples, predictions, strict=True)
        return [list(codec.confidence_pairs(example, prediction.fields)) for example, prediction in pairs]


@dataclass(frozen=True, slots=True)
class Predictions:
    """All parts together, in their order. Their models share one pipeline, so what they predict has one form: the
    figures over everything are computed by the codecs of the first."""

    parts: Sequence[PredictionSet]

    @property
    def codecs(self) -> Codecs:
        return self.parts[0].codecs

    @property
    def examples(self) -> list[Example]:
        return list(chain.from_iterable(part.examples for part in self.parts))

    @property
    def predictions(self) -> list[Prediction]:
        return list(chain.from_iterable(part.predictions for part in self.parts))

    @property
    def truncated(self) -> int:
        return sum(prediction.truncated for prediction in self.predictions)

    def annotated(self, head: str) -> int:
        """How many examples the head has an annotation for."""
        return sum(part.codecs[head].gold(example) is not None for part in self.parts for example in part.examples)

    def unseen(self, head: str) -> list[str]:
        """Where annotations have a label that the model's own training data never had, and which."""
        return [
            f"{example.source}: {one_line(label)}"
            for part in self.parts
            for example in part.examples
            for label in part.codecs[head].unseen(example)
        ]

    def unlearnable(self, head: str) -> list[Unlearnable]:
        """Annotations that the head can't learn to predict: cut off, inside a word, overlapping, too wide."""
        return [
            Unlearnable(example, encoding, entity)
            for part in self.parts
            for example, encoding in zip(part.examples, part.encodings, strict=True)
            for entity in part.codecs[head].unlearnable(example, encoding)
        ]

    def confidence_pairs(self, head: str) -> list[ConfidencePairs]:
        """For each example what the codec says of each thing predicted."""
        return [pairs for part in self.parts for pairs in part.confidence_pairs(head, part.predictions)]

    def uncalibrated_pairs(self, head: str) -> list[ConfidencePairs]:
        """The same of the uncalibrated predictions; empty where a part has none."""
        if any(part.uncalibrated is None for part in self.parts):
            return []
        return [pairs for part in self.parts for pairs in part.confidence_pairs(head, part.uncalibrated or ())]

    def matches(self, head: str) -> list[bool | None]:
        """For each example whether the head is entirely right; None without annotation."""
        return [
            None if (match := part.codecs[head].matches(example, fields)) is None else bool(match)
            for part in self.parts
            for example, fields in zip(part.examples, part.fields, strict=True)
        ]
