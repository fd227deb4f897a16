"""The family of heads that find spans of the text. A subclass adds the label space, the targets and the decoding."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Entity, Example
from nlu_kit.data.prediction import EntityPrediction
from nlu_kit.errors import DataError, NothingToLearnError
from nlu_kit.heads.codec import Codec
from nlu_kit.heads.params import TemperatureState
from nlu_kit.metrics.calibration import shrunk_temperature
from nlu_kit.metrics.counts import Counts, set_counts
from nlu_kit.metrics.report import HeadReport
from nlu_kit.metrics.spans import Span, Triple, span_report, triple
from nlu_kit.params import Params

P = TypeVar("P", bound=Params)

SPANS_TEMPERATURE = 1.5
"""Of spans, where there is nothing to fit it on. Heads that were trained on 1 to 40 examples an intent of two corpora
wanted 1.25 to 1.6."""


class SpanCodec(Codec[P]):
    """Spans of the text: strict precision, recall and F1 (boundaries and label exact, as seqeval counts them).

    Fills ``field`` with a tuple of EntityPrediction. A subclass says how spans become targets and outputs spans:
    ``fit_labels``, ``targets``, ``decode``, ``unlearnable``; ``confidence_temperature`` where it calibrates.
    """

    main_metric = "f1"
    State = TemperatureState

    @property
    def fields(self) -> Sequence[str]:
        return (self.field,)

    def annotation(self, example: Example) -> Any:
        """What the example is annotated with, or None: what ``field`` holds. Override it where that is not the spans;
        what it returns is checked afterwards."""
        return example.get(self.field)

    def spans(self, example: Example) -> Sequence[Entity] | None:
        """The annotation as spans, in any order. Raises DataError where it is something else."""
        value = self.annotation(example)
        if value is None:
            return None
        if not isinstance(value, Sequence) or not all(isinstance(item, Entity) for item in value):
            raise DataError(
                f"{example.source}: '{self.field}' must be a list of "
                f'{{"start", "end", "label"}} objects to train a head on it, got {value!r}'
            )
        return value

    def span_labels(self, examples: Sequence[Example]) -> list[str]:
        """Every label of the annotation, sorted. Raises NothingToLearnError where there is none."""
        names = {entity.label for example in examples for entity in self.spans(example) or ()}
        if not names:
            raise NothingToLearnError(f"no training example has an entity in its field '{self.field}'")
        return sorted(names)

    @abstractmethod
    def unlearnable(self, example: Example, encoding: Encoding) -> Sequence[Entity]:
        """The annotated spans that targets can't tell: cut off, beginning or ending inside a word."""

    def unseen(self, example: Example) -> Sequence[str]:
        return [entity.label for entity in self.spans(example) or () if not self.knows(entity.label)]

    def knows(self, label: str) -> bool:
        """Whether the label space has a class for it."""
        return label in self.labels

    def gold(self, example: Example) -> Mapping[str, Any] | None:
        entities = self.spans(example)
        if entities is None:
            return None
        in_order = sorted(entities, key=lambda entity: (entity.start, -entity.end, entity.label))
        return {self.field: tuple(self.certain(entity, example.text) for entity in in_order)}

    @staticmethod
    def certain(entity: Entity, text: str) -> EntityPrediction:
        """An annotated span as if it had been predicted."""
        start, end = entity.start, entity.end
        return EntityPrediction(start=start, end=end, text=text[start:end], label=entity.label, confidence=1.0)

    def matches(self, example: Example, prediction: Mapping[str, Any]) -> bool | None:
        entities = self.spans(example)
        return None if entities is None else set(map(triple, entities)) == self._triples(prediction)

    def _triples(self, prediction: Mapping[str, Any]) -> set[Triple]:
        return set(map(triple, prediction[self.field]))

    def counts(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> Mapping[str, Counts]:
        """Strict ``precision``, ``recall`` and ``f1`` over the annotated examples. A span that is there twice counts
        once. Nothing where none of the examples has a span: an F1 would say nothing there."""
        return set_counts(
            None if (gold := self.spans(example)) is None else (set(map(triple, gold)), self._triples(prediction))
            for example, prediction in zip(examples, predictions, strict=True)
        )

    @staticmethod
    def temperature(fit: Callable[[], float], count: int) -> Mapping[str, float]:
        """What ``calibrate`` gives where ``fit`` finds the temperature of ``count`` predicted spans: that, or what lies
        between it and ``SPANS_TEMPERATURE`` where these are few, which is luck."""
        fitted = fit() if count else SPANS_TEMPERATURE
        return {"temperature": shrunk_temperature(fitted, count, known=SPANS_TEMPERATURE)}

    def confidence_pairs(self, example: Example, prediction: Mapping[str, Any]) -> Sequence[tuple[float, bool]]:
        """Each predicted span: its confidence, and whether boundaries and label are right."""
        entities = self.spans(example)
        if entities is None:
            return ()
        right = set(map(triple, entities))
        return [(entity.confidence, triple(entity) in right) for entity in prediction[self.field]]

    def report(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> HeadReport | None:
        """Strict precision, recall and F1 of each label, and the figures of ``span_report``."""
        gold: list[Sequence[Span]] = []
        predicted: list[Sequence[Span]] = []
        for example, prediction in zip(examples, predictions, strict=True):
            entities = self.spans(example)
            if entities is not None:
                gold.append(entities)
                predicted.append(prediction[self.field])
        return span_report(gold, predicted)
