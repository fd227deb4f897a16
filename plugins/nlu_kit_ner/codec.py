"""The torch-free half of `ner` and `crf_ner`: tags as targets, the best legal tags as spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from nlu_kit.plugin import (
    IGNORE,
    CodecContext,
    DataError,
    Encoding,
    Entity,
    EntityPrediction,
    Example,
    LabelSpace,
    SpanCodec,
    log_softmax,
)
from nlu_kit_ner import CrfNerParams, TaggerParams
from nlu_kit_ner.lattice import Lattice, best_paths, marginals
from nlu_kit_ner.tags import OUTSIDE, TaggedSpan, legal_tags, place, spans_of, tag_names, tag_words
from nlu_kit_ner.temperature import fit_confidences

MOST_TAGS = 2_001

P = TypeVar("P", bound=TaggerParams)


class NerCodec(SpanCodec[P]):
    """Spans as tags of words. Fills ``field`` with a tuple of EntityPrediction, in text order."""

    def __init__(self, params: P, context: CodecContext) -> None:
        super().__init__(params, context)
        self.legal = legal_tags(self.labels.names, params.scheme)

    def fit_labels(self, examples: Sequence[Example]) -> LabelSpace:
        """``O``, then the scheme's tags of every entity label, sorted.

        Raises NothingToLearnError where no example has an entity, DataError for more labels than can be decoded.
        """
        names = self.span_labels(examples)
        tags = tag_names(names, self.params.scheme)
        if len(tags) > MOST_TAGS:
            raise DataError(
                f"{len(names):,} labels in the field '{self.field}' make {len(tags):,} tags, and decoding compares "
                f"each with each: at every word a table of {8 * len(tags) ** 2 / 1e6:,.0f} MB. {MOST_TAGS:,} tags are "
                "the most; do the labels hold what the entities say, in place of their kind?"
            )
        return LabelSpace(tags)

    def knows(self, label: str) -> bool:
        return f"B-{label}" in self.labels

    def lattice(self, outputs: Mapping[str, np.ndarray]) -> Lattice:
        """The scores of a text's transitions, from its outputs (without the axis B): what is legal scores 0."""
        return Lattice.of(self.legal)

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        """``labels`` [T]: the tag index at each word's first subword, IGNORE everywhere else, and at the words that an
        annotation touches that can't be learnt."""
        labels = np.full(len(encoding), IGNORE, dtype=np.int64)
        entities = self.spans(example)
        if entities is not None:
            for word, tag in zip(encoding.words, tag_words(encoding.words, entities, self.params.scheme), strict=True):
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
        if not scores:
            return []
        lattice = self.lattice({name: array[0] for name, array in outputs.items()})
        paths = best_paths(scores, lattice)
        spans = [self._spans(path) for path in paths]
        carrying = [row for row, found in enumerate(spans) if found]  # only these need probabilities
        probabilities = self.probabilities([scores[row] for row in carrying], lattice, self.state.temperature)
        found: list[Mapping[str, Any]] = [{self.field: ()} for _ in encodings]
        for row, words in zip(carrying, probabilities, strict=True):
            chosen = words[np.arange(len(words)), paths[row]]
            found[row] = {self.field: tuple(_entity(span, chosen, encodings[row]) for span in spans[row])}
        return found

    def probabilities(self, scores: Sequence[np.ndarray], lattice: Lattice, temperature: float) -> list[np.ndarray]:
        """Each word's tag probabilities [W, C], from each text's scores [W, C]."""
        return [np.exp(log_softmax(rows / temperature)) for rows in scores]

    def calibrate(
        self, outputs: Sequence[Mapping[str, np.ndarray]], targets: Sequence[Mapping[str, np.ndarray]]
    ) -> Mapping[str, Any]:
        """The ``temperature`` at which the confidences of predicted spans tell best which of them are right.

        Not the one that makes the *tags* most likely: most are O, and spans' confidences were further off then than
        without any temperature.
        """
        tags = [target["labels"] for target in targets]
        places = [self.places(target) for target in targets]
        annotated = [row for row, labels in enumerate(tags) if (labels != IGNORE).any()]
        scores = [log_softmax(outputs[row]["logits"][places[row]]) for row in annotated]
        if not annotated:
            return self.temperature(lambda: 1.0, 0)
        lattice = self.lattice(outputs[0])
        paths = best_paths(scores, lattice)
        found = [self._spans(path) for path in paths]
        gold = [set(self._spans(tags[row][places[row]])) for row in annotated]
        right = np.array([span in known for spans, known in zip(found, gold, strict=True) for span in spans])

        def confidences(temperature: float) -> np.ndarray:
            chosen = [
                words[np.arange(len(path)), path]
                for words, path in zip(self.probabilities(scores, lattice, temperature), paths, strict=True)
            ]
            return np.array([_confidence(s, words) for spans, words in zip(found, chosen, strict=True) for s in spans])

        return self.temperature(lambda: fit_confidences(confidences, right), len(right))

    def places(self, target: Mapping[str, np.ndarray]) -> np.ndarray:
        """Where the annotated words' first subwords are among the tokens [W]."""
        return np.flatnonzero(target["labels"] != IGNORE)

    def _spans(self, path: np.ndarray) -> list[TaggedSpan]:
        """The spans of tag indices [W]; a tag that train never had (IGNORE) belongs to none."""
        return spans_of([self.labels.names[index] if index >= 0 else OUTSIDE for index in path])

    def unlearnable(self, example: Example, encoding: Encoding) -> Sequence[Entity]:
        """Those that begin or end inside a word or beyond the truncation, or that overlap one before them."""
        return place(encoding.words, self.spans(example) or ()).unlearnable


def _entity(span: TaggedSpan, chosen: np.ndarray, encoding: Encoding) -> EntityPrediction:
    """``chosen`` [W]: the probability of each word's tag."""
    start, end = encoding.words[span.first].start, encoding.words[span.last].end
    confidence = _confidence(span, chosen)
    return EntityPrediction(
        start=start, end=end, text=encoding.text[start:end], label=span.label, confidence=confidence
    )


def _confidence(span: TaggedSpan, chosen: np.ndarray) -> float:
    return min(float(chosen[span.first : span.last + 1].mean()), 1.0)


class CrfNerCodec(NerCodec[CrfNerParams]):
    """As ``NerCodec``; words' probabilities are marginals over all legal sequences.

    The outputs ``start`` [B, C], ``steps`` [B, C, C] (from, to) and ``end`` [B, C] are what the head has learnt of
    transitions, the same for every text.
    """

    def lattice(self, outputs: Mapping[str, np.ndarray]) -> Lattice:
        return Lattice.of(self.legal, outputs)

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        """``labels`` [T] as for `ner`; and ``tokens`` [W], where each word's first subword is among the T."""
        tokens = np.array([word.token for word in encoding.words], dtype=np.int64)
        return {**super().targets(example, encoding), "tokens": tokens}

    def probabilities(self, scores: Sequence[np.ndarray], lattice: Lattice, temperature: float) -> list[np.ndarray]:
        """Marginals [W, C] of the chain whose scores, transitions included, are divided by the temperature."""
        return marginals([rows / temperature for rows in scores], lattice.divided(temperature))

    def places(self, target: Mapping[str, np.ndarray]) -> np.ndarray:
        return target["tokens"]
