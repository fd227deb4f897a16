"""The torch-free half of the `ner` head: targets, decoding, metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Entity, Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.data.prediction import EntityPrediction
from nlu_kit.metrics.spans import span_scores
from nlu_kit.model.protocols import IGNORE, Codec
from nlu_kit_ner.annotation import entities_of
from nlu_kit_ner.bio import legal_transitions, spans_of, tag_words, viterbi
from nlu_kit_ner.params import NerParams


class NerCodec(Codec):
    """Fills ``field`` with a tuple of EntityPrediction, in text order."""

    main_metric = "f1"

    def __init__(self, params: NerParams, labels: LabelSpace) -> None:
        self.labels = labels
        self.field = params.field
        self.fields: Sequence[str] = (self.field,)
        self._start, self._transitions = legal_transitions(labels.names)

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        """``labels`` [T]: the tag index at each word's first subword, IGNORE everywhere else."""
        labels = np.full(len(encoding), IGNORE, dtype=np.int64)
        entities = entities_of(example, self.field)
        if entities is not None:
            for word, tag in zip(encoding.words, tag_words(encoding.words, entities), strict=True):
                index = self.labels.index(tag)
                labels[word.token] = IGNORE if index is None else index
        return {"labels": labels}

    def decode(self, outputs: Mapping[str, np.ndarray], encodings: Sequence[Encoding]) -> list[Mapping[str, Any]]:
        """The best legal BIO sequence over ``logits`` [B, T, C]. A span's confidence is the mean probability of its
        words' tags."""
        return [
            {self.field: self._entities(logits, encoding)}
            for logits, encoding in zip(outputs["logits"], encodings, strict=True)
        ]

    def _entities(self, logits: np.ndarray, encoding: Encoding) -> tuple[EntityPrediction, ...]:
        rows = logits[[word.token for word in encoding.words]].astype(np.float64)
        log_probabilities = rows - np.logaddexp.reduce(rows, axis=1, keepdims=True)
        path = viterbi(log_probabilities, self._start, self._transitions)
        chosen = np.exp(log_probabilities[np.arange(len(path)), path])
        found = []
        for span in spans_of([self.labels.names[index] for index in path]):
            start, end = encoding.words[span.first].start, encoding.words[span.last].end
            found.append(
                EntityPrediction(
                    start=start,
                    end=end,
                    text=encoding.text[start:end],
                    label=span.label,
                    confidence=float(chosen[span.first : span.last + 1].mean()),
                )
            )
        return tuple(found)

    def gold(self, example: Example) -> Mapping[str, Any] | None:
        entities = entities_of(example, self.field)
        if entities is None:
            return None
        in_order = sorted(entities, key=lambda entity: entity.start)
        return {self.field: tuple(_certain(entity, example.text) for entity in in_order)}

    def matches(self, example: Example, prediction: Mapping[str, Any]) -> bool | None:
        entities = entities_of(example, self.field)
        if entities is None:
            return None
        return {_key(entity) for entity in entities} == {_key(entity) for entity in prediction[self.field]}

    def evaluate(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
        """Strict span ``precision``, ``recall`` and ``f1`` (seqeval) over the annotated examples.

        Nothing where none of these has an entity: an F1 would say nothing there.
        """
        pairs = [
            (entities, prediction[self.field])
            for example, prediction in zip(examples, predictions, strict=True)
            if (entities := entities_of(example, self.field)) is not None
        ]
        if not any(gold for gold, _ in pairs):
            return {}
        return span_scores([gold for gold, _ in pairs], [predicted for _, predicted in pairs])

    def lost(self, example: Example, encoding: Encoding) -> int:
        """Entities whose boundaries fall inside a word or beyond the truncation."""
        starts = {word.start for word in encoding.words}
        ends = {word.end for word in encoding.words}
        return sum(e.start not in starts or e.end not in ends for e in entities_of(example, self.field) or ())

    def unseen(self, example: Example) -> int:
        return sum(f"B-{entity.label}" not in self.labels for entity in entities_of(example, self.field) or ())


def _certain(entity: Entity, text: str) -> EntityPrediction:
    start, end = entity.start, entity.end
    return EntityPrediction(start=start, end=end, text=text[start:end], label=entity.label, confidence=1.0)


def _key(entity: Any) -> tuple[int, int, str]:
    return entity.start, entity.end, entity.label
