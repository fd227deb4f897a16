"""The torch-free half of the `span_ner` head: a table of spans as targets, and its best cells as spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nlu_kit.plugin import (
    IGNORE,
    DataError,
    Encoding,
    Entity,
    EntityPrediction,
    Example,
    LabelSpace,
    SpanCodec,
    fit_temperature,
    softmax,
)
from nlu_kit_span_ner import SpanNerParams
from nlu_kit_span_ner.spans import Placed, compatible, place

NOTHING = 0  # the class of a span that is no entity
NO_ENTITY = "O"  # its name
MOST_LABELS = 1_000


class SpanNerCodec(SpanCodec[SpanNerParams]):
    """Every span of words has a class. Fills ``field`` with a tuple of EntityPrediction in text order, the longer first
    of those that start together."""

    def fit_labels(self, examples: Sequence[Example]) -> LabelSpace:
        """``O`` for a span that is no entity, then every entity label, sorted.

        Raises NothingToLearnError where no example has an entity, DataError for a label ``O`` or too many of them.
        """
        names = self.span_labels(examples)
        if NO_ENTITY in names:
            raise DataError(
                f"'{NO_ENTITY}' is what span_ner calls a span that is no entity; give that label another name"
            )
        if len(names) > MOST_LABELS:
            raise DataError(
                f"{len(names):,} labels in the field '{self.field}': span_ner scores each for every span of every "
                f"text, and {MOST_LABELS:,} are the most; do they hold what the entities say, in place of their kind?"
            )
        return LabelSpace((NO_ENTITY, *names))

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        """``labels`` [T, K]: at a word's first subword, the class of the span that starts there and is k + 1 words
        wide; IGNORE where there is no such span, where an unlearnable annotation may be meant, and for a label that
        train never had."""
        labels = np.full((len(encoding), self.params.max_width), IGNORE, dtype=np.int64)
        if self.spans(example) is not None:
            placed = self._placed(example, encoding)
            labels[self._valid(encoding)] = NOTHING
            for cell in placed.unclear:
                labels[cell.token, cell.width] = IGNORE
            for cell, entity in placed.entities.items():
                index = self.labels.index(entity.label)
                labels[cell.token, cell.width] = IGNORE if index is None else index
        return {"labels": labels}

    def _valid(self, encoding: Encoding) -> tuple[np.ndarray, np.ndarray]:
        """(tokens, widths) of all spans of the text's words."""
        starts = np.array([word.token for word in encoding.words], dtype=np.int64)
        words, widths = np.nonzero(np.arange(len(starts))[:, None] + np.arange(self.params.max_width) < len(starts))
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
        probabilities = softmax(rows[found] / self.state.temperature)
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
        return tuple(sorted(compatible(spans, self.params.overlap), key=_in_text))

    def unlearnable(self, example: Example, encoding: Encoding) -> Sequence[Entity]:
        """Those that can't come out exactly; see ``place``."""
        return self._placed(example, encoding).unlearnable

    def _placed(self, example: Example, encoding: Encoding) -> Placed:
        return place(self.spans(example) or (), encoding, self.params.max_width, self.params.overlap)

    def calibrate(
        self, outputs: Sequence[Mapping[str, np.ndarray]], targets: Sequence[Mapping[str, np.ndarray]]
    ) -> Mapping[str, Any]:
        """``temperature``, fitted on the spans that are predicted: only their confidence is ever shown, and among all
        spans, nearly all of which are plainly nothing, they would hardly count."""
        logits, labels = [np.zeros((0, len(self.labels)))], [np.zeros(0, dtype=np.int64)]
        for output, target in zip(outputs, targets, strict=True):
            rows = output["logits"][: len(target["labels"])]
            counted = (target["labels"] != IGNORE) & (rows.argmax(axis=-1) != NOTHING)
            logits.append(rows[counted])
            labels.append(target["labels"][counted])
        fitted = np.concatenate(labels)
        return self.temperature(lambda: fit_temperature(np.concatenate(logits), fitted), len(fitted))


def _in_text(entity: Entity | EntityPrediction) -> tuple[int, int, str]:
    return entity.start, -entity.end, entity.label
