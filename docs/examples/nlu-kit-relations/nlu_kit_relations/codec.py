"""The torch-free half of the `relations` head: targets, decoding, metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nlu_kit.plugin import (
    IGNORE,
    Codec,
    CodecContext,
    ConfigError,
    Counts,
    Encoding,
    Entity,
    EntityPrediction,
    Example,
    HeadReport,
    LabelSpace,
    NothingToLearnError,
    Problem,
    TemperatureState,
    did_you_mean,
    fit_temperature,
    set_counts,
    softmax,
)
from nlu_kit_relations.annotation import NO_RELATION, entities_of, relations_of
from nlu_kit_relations.pairs import pair_logits
from nlu_kit_relations.params import RelationsParams
from nlu_kit_relations.places import Place, exact, place
from nlu_kit_relations.prediction import RelationEnd, RelationPrediction
from nlu_kit_relations.report import Key, relation_report

NOTHING = 0  # the class of a pair that has no relation


class RelationsCodec(Codec[RelationsParams]):
    """Fills ``field`` with a tuple of RelationPrediction, in the order of their heads and then their tails."""

    main_metric = "f1"
    State = TemperatureState

    def __init__(self, params: RelationsParams, context: CodecContext) -> None:
        super().__init__(params, context)
        self.name = context.name

    @property
    def fields(self) -> Sequence[str]:
        return (self.params.field,)

    def fit_labels(self, examples: Sequence[Example]) -> LabelSpace:
        """``none`` for a pair without relation, then every relation's label, sorted."""
        names = {relation.label for example in examples for relation in relations_of(example, self.params) or ()}
        if not names:
            raise NothingToLearnError(f"no training example has a relation in its field '{self.params.field}'")
        return LabelSpace((NO_RELATION, *sorted(names)))

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        """``pairs`` [P, 4], the first and last token of a head and a tail, for each ordered pair of annotated entities;
        ``labels`` [P], their relation's class; IGNORE for a label that train never had.

        P is the square of the number of entities, not of tokens. Without annotation there is no pair.
        """
        relations = relations_of(example, self.params)
        placed = [] if relations is None else _placed(entities_of(example, self.params) or (), encoding)
        related = {(r.head, r.tail): r.label for r in relations or ()}
        ordered = [(head, tail) for head in placed for tail in placed if head is not tail]
        pairs = [(*head[1], *tail[1]) for head, tail in ordered]
        labels = [self._class(related.get((head[0], tail[0]))) for head, tail in ordered]
        return {
            "pairs": np.array(pairs, dtype=np.int64).reshape(len(pairs), 4),
            "labels": np.array(labels, dtype=np.int64),
        }

    def _class(self, label: str | None) -> int:
        index = NOTHING if label is None else self.labels.index(label)
        return IGNORE if index is None else index

    def decode(self, outputs: Mapping[str, np.ndarray], encodings: Sequence[Encoding]) -> list[Mapping[str, Any]]:
        """Without entities there are no relations; what finds some is ``decode_reading``."""
        return [{self.params.field: ()} for _ in encodings]

    def decode_reading(
        self,
        outputs: Mapping[str, np.ndarray],
        encodings: Sequence[Encoding],
        others: Sequence[Mapping[str, Mapping[str, Any]]],
    ) -> list[Mapping[str, Any]]:
        """The best class of each ordered pair of the entities that the other head decoded, unless that is none.

        The network's outputs are linear in the length of a text; only here pairs are made, E (E - 1) of E entities.
        """
        rows = zip(outputs["queries"], outputs["keys"], encodings, others, strict=True)
        return [
            {self.params.field: self._relations(queries, keys, _placed(self._entities(other), encoding))}
            for queries, keys, encoding, other in rows
        ]

    def _entities(self, other: Mapping[str, Mapping[str, Any]]) -> Sequence[EntityPrediction]:
        """What the head that is read has decoded. Raises ConfigError where its fields hold no entities by that name."""
        fields = other.get(self.params.entities, {})
        found: tuple[EntityPrediction, ...] = fields.get(self.params.spans, ())
        entities = isinstance(found, tuple) and all(isinstance(item, EntityPrediction) for item in found)
        if (fields and self.params.spans not in fields) or not entities:
            hint = did_you_mean(self.params.spans, fields) + f"its fields: {', '.join(fields)}"
            said = f"the head '{self.params.entities}' gives no entities in a field '{self.params.spans}'"
            raise ConfigError([Problem(f"heads.{self.name}.spans", said, hint)])
        return found

    def _relations(
        self, queries: np.ndarray, keys: np.ndarray, placed: Sequence[tuple[EntityPrediction, Place]]
    ) -> tuple[RelationPrediction, ...]:
        if len(placed) < 2:
            return ()
        logits = pair_logits(queries, keys, [where for _, where in placed])
        best, probabilities = logits.argmax(axis=2), softmax(logits / self.state.temperature)
        found = []
        for i, j in np.argwhere(best != NOTHING).tolist():
            if i != j:
                (head, _), (tail, _) = placed[i], placed[j]
                found.append(
                    RelationPrediction(
                        label=self.labels.names[best[i, j]],
                        head=_end(head),
                        tail=_end(tail),
                        # All three must be right for the relation to be, as it is counted.
                        confidence=float(probabilities[i, j, best[i, j]]) * head.confidence * tail.confidence,
                    )
                )
        return tuple(sorted(found, key=_in_text))

    def gold(self, example: Example) -> Mapping[str, Any] | None:
        relations = relations_of(example, self.params)
        if relations is None:
            return None
        found = [
            RelationPrediction(
                label=relation.label,
                head=_annotated_end(relation.head, example.text),
                tail=_annotated_end(relation.tail, example.text),
                confidence=1.0,
            )
            for relation in relations
        ]
        return {self.params.field: tuple(sorted(found, key=_in_text))}

    def matches(self, example: Example, prediction: Mapping[str, Any]) -> bool | None:
        gold = self.gold(example)
        return None if gold is None else self._keys(gold) == self._keys(prediction)

    def counts(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> Mapping[str, Counts]:
        """Strict ``precision``, ``recall`` and ``f1`` over the annotated examples. Nothing where there is no relation
        to find.

        Strict: the relation's label, and boundaries and labels of both entities must be exact (Bekoulis et al. 2018,
        "Joint entity recognition and relation extraction as a multi-head selection problem").
        """
        return set_counts(
            None if (gold := self.gold(example)) is None else (self._keys(gold), self._keys(prediction))
            for example, prediction in zip(examples, predictions, strict=True)
        )

    def report(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> HeadReport:
        """Strict figures of each label, and of pairs whatever their label."""
        pairs = [
            (self._keys(gold), self._keys(prediction))
            for example, prediction in zip(examples, predictions, strict=True)
            if (gold := self.gold(example)) is not None
        ]
        return relation_report([gold for gold, _ in pairs], [predicted for _, predicted in pairs])

    def _keys(self, fields: Mapping[str, Any]) -> set[Key]:
        return {_key(relation) for relation in fields[self.params.field]}

    def calibrate(
        self, outputs: Sequence[Mapping[str, np.ndarray]], targets: Sequence[Mapping[str, np.ndarray]]
    ) -> Mapping[str, Any]:
        """``temperature``, fitted on the pairs of annotated entities that are said to have a relation: only their
        confidence is ever shown."""
        logits, labels = [np.zeros((0, len(self.labels)))], [np.zeros(0, dtype=np.int64)]
        for output, target in zip(outputs, targets, strict=True):
            for (a, b, c, d), label in zip(target["pairs"].tolist(), target["labels"], strict=True):
                row = pair_logits(output["queries"], output["keys"], [Place(a, b), Place(c, d)])[0, 1]
                if row.argmax() != NOTHING:
                    logits.append(row[None])
                    labels.append(label[None])
        return {"temperature": fit_temperature(np.concatenate(logits), np.concatenate(labels))}

    def confidence_pairs(self, example: Example, prediction: Mapping[str, Any]) -> Sequence[tuple[float, bool]]:
        gold = self.gold(example)
        if gold is None:
            return ()
        right = self._keys(gold)
        return [(relation.confidence, _key(relation) in right) for relation in prediction[self.params.field]]

    def unlearnable(self, example: Example, encoding: Encoding) -> Sequence[Entity]:
        """Relations of which an end can't be found: truncated away, or not on the boundaries of words."""
        return [
            Entity(
                start=min(relation.head.start, relation.tail.start),
                end=max(relation.head.end, relation.tail.end),
                label=relation.label,
            )
            for relation in relations_of(example, self.params) or ()
            if not (exact(relation.head, encoding) and exact(relation.tail, encoding))
        ]

    def unseen(self, example: Example) -> Sequence[str]:
        labels = (relation.label for relation in relations_of(example, self.params) or ())
        return [label for label in labels if label not in self.labels]


def _placed(spans: Sequence[Any], encoding: Encoding) -> list[tuple[Any, Place]]:
    """Those that are there after truncation, with where that is."""
    return [(span, where) for span in spans if (where := place(span, encoding)) is not None]


def _end(entity: EntityPrediction) -> RelationEnd:
    return RelationEnd(start=entity.start, end=entity.end, text=entity.text, label=entity.label)


def _annotated_end(entity: Entity, text: str) -> RelationEnd:
    start, end = entity.start, entity.end
    return RelationEnd(start=start, end=end, text=text[start:end], label=entity.label)


def _key(relation: RelationPrediction) -> Key:
    head, tail = relation.head, relation.tail
    return relation.label, (head.start, head.end, head.label), (tail.start, tail.end, tail.label)


def _in_text(relation: RelationPrediction) -> tuple[tuple[int, int, str], tuple[int, int, str], str]:
    label, head, tail = _key(relation)
    return head, tail, label
