"""The torch-free half of the `span_ner` head: targets, decoding, metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Entity, Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.data.prediction import EntityPrediction
from nlu_kit.metrics.calibration import fit_temperature, softmax
from nlu_kit.metrics.report import HeadReport
from nlu_kit.metrics.span_report import span_report
from nlu_kit.metrics.spans import span_scores
from nlu_kit.model.protocols import IGNORE, Codec
from nlu_kit_span_ner.annotation import entities_of
from nlu_kit_span_ner.params import SpanNerParams
from nlu_kit_span_ner.spans import Placed, compatible, place

NOTHING = 0  # the class of a span that is no entity
MIN_SPANS = 30  # predicted ones that a temperature is fitted on, at the least: what it would be on fewer is luck


class SpanNerCodec(Codec):
    """Fills ``field`` with a tuple of EntityPrediction in text order, the longer first of those that start together."""

    main_metric = "f1"

    def __init__(self, params: SpanNerParams, labels: LabelSpace, state: Mapping[str, Any]) -> None:
        self.labels = labels
        self.field, self.max_width, self.overlap = params.field, params.max_width, params.overlap
        self.fields: Sequence[str] = (self.field,)
        self.temperature: float = state.get("temperature", 1.0)

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        """``labels`` [T, K]: at a word's first subword, the class of the span that starts there and is k + 1 words
        wide; IGNORE where there is no such span, where an annotation that is lost may be meant, and for a label that
        train never had."""
        labels = np.full((len(encoding), self.max_width), IGNORE, dtype=np.int64)
        if entities_of(example, self.field) is not None:
            placed = self._placed(example, encoding)
            labels[self._valid(encoding)] = NOTHING
            for cell in placed.unclear:
                labels[cell.token, cell.width] = IGNORE
            for cell, entity in placed.told.items():
                index = self.labels.index(entity.label)
                labels[cell.token, cell.width] = IGNORE if index is None else index
        return {"labels": labels}

    def _valid(self, encoding: Encoding) -> tuple[np.ndarray, np.ndarray]:
        """(tokens, widths) of all spans of the text's words."""
        starts = np.array([word.token for word in encoding.words], dtype=np.int64)
        words, widths = np.nonzero(np.arange(len(starts))[:, None] + np.arange(self.max_width) < len(starts))
        return starts[words], widths

    def decode(self, outputs: Mapping[str, np.ndarray], encodings: Sequence[Encoding]) -> list[Mapping[str, Any]]:
        """Every span whose best class in ``logits`` [B, T, K, C] is an entity, the surer first where two clash. The
        confidence is the probability of that class."""
        return [
            {self.field: self._entities(logits, encoding)}
            for logits, encoding in zip(outputs["logits"], encodings, strict=True)
        ]

    def _entities(self, logits: np.ndarray, encoding: Encoding) -> tuple[EntityPrediction, ...]:
        tokens, widths = self._valid(encoding)
        rows = logits[tokens, widths]
        found = np.flatnonzero(rows.argmax(axis=1) != NOTHING)
        probabilities = softmax(rows[found] / self.temperature)
        position = {word.token: number for number, word in enumerate(encoding.words)}
        spans = []
        for token, width, row in zip(tokens[found], widths[found], probabilities, strict=True):
            first = position[int(token)]
            start, end = encoding.words[first].start, encoding.words[first + int(width)].end
            label = int(row.argmax())
            name, confidence = self.labels.names[label], float(row[label])
            text = encoding.text[start:end]
            spans.append(EntityPrediction(start=start, end=end, text=text, label=name, confidence=confidence))
        spans.sort(key=lambda span: (-span.confidence, span.start, -span.end))
        return tuple(sorted(compatible(spans, self.overlap), key=_in_text))

    def gold(self, example: Example) -> Mapping[str, Any] | None:
        entities = entities_of(example, self.field)
        if entities is None:
            return None
        return {self.field: tuple(_certain(entity, example.text) for entity in sorted(entities, key=_in_text))}

    def matches(self, example: Example, prediction: Mapping[str, Any]) -> bool | None:
        entities = entities_of(example, self.field)
        return None if entities is None else _keys(entities) == _keys(prediction[self.field])

    def evaluate(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
        """Strict span ``precision``, ``recall`` and ``f1`` over the annotated examples: boundaries and label exact.

        Overlapping spans can't be written as tags, so seqeval counts them as a set; without any, this is its usual
        figure. Nothing where none of the examples has an entity: an F1 would say nothing there.
        """
        gold, predicted = self._pairs(examples, predictions)
        return span_scores(gold, predicted) if any(gold) else {}

    def lost(self, example: Example, encoding: Encoding) -> Sequence[Entity]:
        """Those that can't come out exactly; see ``place``."""
        return self._placed(example, encoding).lost

    def _placed(self, example: Example, encoding: Encoding) -> Placed:
        return place(entities_of(example, self.field) or (), encoding, self.max_width, self.overlap)

    def unseen(self, example: Example) -> Sequence[str]:
        labels = (entity.label for entity in entities_of(example, self.field) or ())
        return [label for label in labels if label not in self.labels]

    def calibrate(
        self, outputs: Sequence[Mapping[str, np.ndarray]], targets: Sequence[Mapping[str, np.ndarray]]
    ) -> Mapping[str, Any]:
        """``temperature``, fitted on the spans that are predicted: only their confidence is ever shown, and among all
        spans, nearly all of which are plainly nothing, they would hardly count. Nothing, which is a temperature of 1,
        with fewer than ``MIN_SPANS`` of them."""
        logits, labels = [np.zeros((0, len(self.labels)))], [np.zeros(0, dtype=np.int64)]
        for output, target in zip(outputs, targets, strict=True):
            rows = output["logits"][: len(target["labels"])]
            judged = (target["labels"] != IGNORE) & (rows.argmax(axis=-1) != NOTHING)
            logits.append(rows[judged])
            labels.append(target["labels"][judged])
        fitted = np.concatenate(labels)
        return {"temperature": fit_temperature(np.concatenate(logits), fitted)} if len(fitted) >= MIN_SPANS else {}

    def judged(self, example: Example, prediction: Mapping[str, Any]) -> Sequence[tuple[float, bool]]:
        entities = entities_of(example, self.field)
        if entities is None:
            return ()
        right = _keys(entities)
        return [(entity.confidence, _key(entity) in right) for entity in prediction[self.field]]

    def report(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> HeadReport:
        """Strict precision, recall and F1 of each label, and the figures of ``span_report``."""
        return span_report(*self._pairs(examples, predictions))

    def _pairs(
        self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]
    ) -> tuple[list[Sequence[Entity]], list[Sequence[EntityPrediction]]]:
        """(annotated, predicted) entities of the annotated examples."""
        gold, predicted = [], []
        for example, prediction in zip(examples, predictions, strict=True):
            entities = entities_of(example, self.field)
            if entities is not None:
                gold.append(entities)
                predicted.append(prediction[self.field])
        return gold, predicted


def _certain(entity: Entity, text: str) -> EntityPrediction:
    start, end = entity.start, entity.end
    return EntityPrediction(start=start, end=end, text=text[start:end], label=entity.label, confidence=1.0)


def _key(entity: Entity | EntityPrediction) -> tuple[int, int, str]:
    return entity.start, entity.end, entity.label


def _keys(entities: Sequence[Entity] | Sequence[EntityPrediction]) -> set[tuple[int, int, str]]:
    return {_key(entity) for entity in entities}


def _in_text(entity: Entity | EntityPrediction) -> tuple[int, int, str]:
    return entity.start, -entity.end, entity.label
