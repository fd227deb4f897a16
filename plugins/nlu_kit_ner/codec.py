"""The torch-free half of the `ner` head: targets, decoding, metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Entity, Example
from nlu_kit.data.prediction import EntityPrediction
from nlu_kit.metrics.report import HeadReport
from nlu_kit.metrics.span_report import span_report
from nlu_kit.metrics.spans import span_scores
from nlu_kit.model.protocols import IGNORE, Codec
from nlu_kit.specs import CodecContext
from nlu_kit_ner.annotation import entities_of
from nlu_kit_ner.calibration import MIN_SPANS, fit_confidences
from nlu_kit_ner.lattice import Lattice, best_paths
from nlu_kit_ner.params import TaggerParams
from nlu_kit_ner.tags import OUTSIDE, TaggedSpan, legal_tags, place, spans_of, tag_words

TEMPERATURE = "temperature"


class NerCodec(Codec):
    """Fills ``field`` with a tuple of EntityPrediction, in text order."""

    main_metric = "f1"

    def __init__(self, params: TaggerParams, context: CodecContext) -> None:
        self.labels = context.labels
        self.field = params.field
        self.fields: Sequence[str] = (self.field,)
        self.scheme = params.scheme
        self.temperature = float(context.state.get(TEMPERATURE, 1.0))
        self.lattice = Lattice.of(legal_tags(self.labels.names, self.scheme))

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        """``labels`` [T]: the tag index at each word's first subword, IGNORE everywhere else, and at the words that an
        annotation touches which is lost."""
        labels = np.full(len(encoding), IGNORE, dtype=np.int64)
        entities = entities_of(example, self.field)
        if entities is not None:
            for word, tag in zip(encoding.words, tag_words(encoding.words, entities, self.scheme), strict=True):
                index = None if tag is None else self.labels.index(tag)
                labels[word.token] = IGNORE if index is None else index
        return {"labels": labels}

    def decode(self, outputs: Mapping[str, np.ndarray], encodings: Sequence[Encoding]) -> list[Mapping[str, Any]]:
        """The best legal sequence of tags over ``logits`` [B, T, C]. A span's confidence is the mean probability of its
        words' tags, at the temperature that was fitted; the sequence does not depend on that."""
        scores = [
            log_softmax(logits[[word.token for word in encoding.words]])
            for logits, encoding in zip(outputs["logits"], encodings, strict=True)
        ]
        paths = best_paths(scores, self.lattice)
        spans = [self._spans(path) for path in paths]
        carrying = [row for row, found in enumerate(spans) if found]  # only these need probabilities
        probabilities = self.probabilities([scores[row] for row in carrying], self.temperature)
        found: list[Mapping[str, Any]] = [{self.field: ()} for _ in encodings]
        for row, words in zip(carrying, probabilities, strict=True):
            chosen = words[np.arange(len(words)), paths[row]]
            found[row] = {self.field: tuple(_entity(span, chosen, encodings[row]) for span in spans[row])}
        return found

    def probabilities(self, scores: Sequence[np.ndarray], temperature: float) -> list[np.ndarray]:
        """Each word's tag probabilities [W, C], from each text's scores [W, C]."""
        return [np.exp(log_softmax(rows / temperature)) for rows in scores]

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
        gold, predicted = self._annotated(examples, predictions)
        return span_scores(gold, predicted) if any(gold) else {}

    def report(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> HeadReport:
        """Strict precision, recall and F1 of each label, and the figures of ``span_report``."""
        return span_report(*self._annotated(examples, predictions))

    def judged(self, example: Example, prediction: Mapping[str, Any]) -> Sequence[tuple[float, bool]]:
        """Each predicted span: its confidence, and whether boundaries and label are right."""
        entities = entities_of(example, self.field)
        if entities is None:
            return ()
        right = {_key(entity) for entity in entities}
        return [(entity.confidence, _key(entity) in right) for entity in prediction[self.field]]

    def calibrate(
        self, outputs: Sequence[Mapping[str, np.ndarray]], targets: Sequence[Mapping[str, np.ndarray]]
    ) -> Mapping[str, Any]:
        """The ``temperature`` at which the confidences of predicted spans tell best which of them are right; nothing,
        which is a temperature of 1, with fewer than ``MIN_SPANS`` of them.

        Not the one that makes the *tags* most likely: most are O, and spans' confidences were further off then than
        without any temperature.
        """
        tags = [target["labels"] for target in targets]
        places = [self.places(target) for target in targets]
        annotated = [row for row, labels in enumerate(tags) if (labels != IGNORE).any()]
        scores = [log_softmax(outputs[row]["logits"][places[row]]) for row in annotated]
        paths = best_paths(scores, self.lattice)
        found = [self._spans(path) for path in paths]
        gold = [set(self._spans(tags[row][places[row]])) for row in annotated]
        right = np.array([span in known for spans, known in zip(found, gold, strict=True) for span in spans])

        def confidences(temperature: float) -> np.ndarray:
            chosen = [
                words[np.arange(len(path)), path]
                for words, path in zip(self.probabilities(scores, temperature), paths, strict=True)
            ]
            return np.array([_confidence(s, words) for spans, words in zip(found, chosen, strict=True) for s in spans])

        return {TEMPERATURE: fit_confidences(confidences, right)} if len(right) >= MIN_SPANS else {}

    def places(self, target: Mapping[str, np.ndarray]) -> np.ndarray:
        """Where the annotated words' first subwords are among the tokens [W]."""
        return np.flatnonzero(target["labels"] != IGNORE)

    def _spans(self, path: np.ndarray) -> list[TaggedSpan]:
        """The spans of tag indices [W]; a tag that train never had (IGNORE) belongs to none."""
        return spans_of([self.labels.names[index] if index >= 0 else OUTSIDE for index in path])

    def lost(self, example: Example, encoding: Encoding) -> Sequence[Entity]:
        """Those that begin or end inside a word or beyond the truncation, or that overlap one before them."""
        return place(encoding.words, entities_of(example, self.field) or ()).lost

    def unseen(self, example: Example) -> Sequence[str]:
        labels = (entity.label for entity in entities_of(example, self.field) or ())
        return [label for label in labels if f"B-{label}" not in self.labels]

    def _annotated(
        self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]
    ) -> tuple[list[Sequence[Entity]], list[Sequence[EntityPrediction]]]:
        """(annotated, predicted) spans of the examples that have an annotation."""
        pairs = [
            (entities, prediction[self.field])
            for example, prediction in zip(examples, predictions, strict=True)
            if (entities := entities_of(example, self.field)) is not None
        ]
        return [gold for gold, _ in pairs], [predicted for _, predicted in pairs]


def log_softmax(rows: np.ndarray) -> np.ndarray:
    """[W, C] to log probabilities, float64."""
    shifted = rows.astype(np.float64) - rows.max(axis=1, keepdims=True).astype(np.float64)
    found: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return found


def _entity(span: TaggedSpan, chosen: np.ndarray, encoding: Encoding) -> EntityPrediction:
    """``chosen`` [W]: the probability of each word's tag."""
    start, end = encoding.words[span.first].start, encoding.words[span.last].end
    confidence = _confidence(span, chosen)
    return EntityPrediction(
        start=start, end=end, text=encoding.text[start:end], label=span.label, confidence=confidence
    )


def _confidence(span: TaggedSpan, chosen: np.ndarray) -> float:
    return min(float(chosen[span.first : span.last + 1].mean()), 1.0)


def _certain(entity: Entity, text: str) -> EntityPrediction:
    start, end = entity.start, entity.end
    return EntityPrediction(start=start, end=end, text=text[start:end], label=entity.label, confidence=1.0)


def _key(entity: Any) -> tuple[int, int, str]:
    return entity.start, entity.end, entity.label
