"""The relations that an example is annotated with, checked against its entities. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlu_kit.plugin import DataError, Entity, Example, did_you_mean
from nlu_kit_relations.params import RelationsParams

KEYS = ("label", "head", "tail")
END_KEYS = ("start", "end", "text")
NO_RELATION = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """From one entity (``head``) to another (``tail``)."""

    label: str
    head: Entity
    tail: Entity


def entities_of(example: Example, params: RelationsParams) -> Sequence[Entity] | None:
    """The entities that relations are between; None where they are not annotated."""
    value = example.get(params.spans)
    if value is None:
        return None
    if not isinstance(value, Sequence) or not all(isinstance(item, Entity) for item in value):
        hint = f"the head '{params.entities}' finds relations between the spans of that field"
        raise DataError(f"{example.source}: '{params.spans}' must be a list of entities, got {value!r}; {hint}")
    return value


def relations_of(example: Example, params: RelationsParams) -> Sequence[Relation] | None:
    """The relations in the field that the params name; None where the example has no such field.

    A relation is ``{"label": "by", "head": {"start": 5, "end": 10}, "tail": {"start": 14, "end": 18}}``: offsets of two
    annotated entities, as these are written themselves, and not their numbers in the list, which change with every
    entity that is added. ``text`` may stand beside the offsets, and is then compared. Raises DataError, with the
    example's source, for anything else, and where an ordered pair of entities has two relations.
    """
    value = example.get(params.field)
    if value is None:
        return None
    where = f"{example.source}: '{params.field}'"
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise DataError(f"{where} must be a list of relations; write [] where there are none, or leave it out")
    entities = entities_of(example, params)
    if value and entities is None:
        hint = f"annotate them, or set spans of the head if '{params.entities}' fills another field"
        raise DataError(f"{where}: there are relations, but no entities in a field '{params.spans}'; {hint}")
    found: dict[tuple[Entity, Entity], Relation] = {}
    for number, item in enumerate(value, start=1):
        relation = _relation(item, example.text, entities or (), f"{where}: relation {number}")
        other = found.setdefault((relation.head, relation.tail), relation)
        if other is not relation:
            said = f"has the same head and tail as another ({other.label}, {relation.label})"
            raise DataError(f"{where}: relation {number} {said}; one pair can have one relation in this order")
    return tuple(found.values())


def _relation(item: Any, text: str, entities: Sequence[Entity], where: str) -> Relation:
    if not isinstance(item, Mapping):
        raise DataError(f"{where} must be an object with {', '.join(KEYS)}, got {item!r}")
    _known(item, KEYS, where)
    label = item.get("label")
    if not isinstance(label, str) or not label.strip():
        raise DataError(f'{where}: \'label\' must name the relation, such as "label": "by", got {label!r}')
    if label == NO_RELATION:
        raise DataError(f"{where}: '{NO_RELATION}' is what the head calls a pair without relation; take another name")
    head, tail = (_end(item.get(key), text, entities, f"{where}: '{key}'") for key in ("head", "tail"))
    if head is tail:
        raise DataError(f"{where}: head and tail are the same entity; a relation is between two")
    return Relation(label=label, head=head, tail=tail)


def _end(value: Any, text: str, entities: Sequence[Entity], where: str) -> Entity:
    """The one entity that lies at these offsets."""
    if not isinstance(value, Mapping) or "start" not in value or "end" not in value:
        raise DataError(f'{where} must say where its entity is, such as {{"start": 0, "end": 5}}, got {value!r}')
    _known(value, END_KEYS, where)
    start, end = value["start"], value["end"]
    there = [entity for entity in entities if (entity.start, entity.end) == (start, end)]
    if len(there) != 1:
        listed = ", ".join(f"[{e.start}, {e.end}) {text[e.start : e.end]!r}" for e in entities) or "none"
        count = "several entities are" if there else "no entity is"
        raise DataError(f"{where}: {count} at [{start}, {end}); the entities here: {listed}")
    given, span = value.get("text"), text[there[0].start : there[0].end]
    if given is not None and given != span:
        raise DataError(f"{where}: 'text' is {given!r}, but [{start}, {end}) of the text is {span!r}; mend the offsets")
    return there[0]


def _known(item: Mapping[str, Any], allowed: Sequence[str], where: str) -> None:
    for key in item:
        if key not in allowed:
            raise DataError(f"{where}: unknown key '{key}'; {did_you_mean(key, allowed)}allowed: {', '.join(allowed)}")
