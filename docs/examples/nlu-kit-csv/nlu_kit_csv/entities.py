"""The entities of a cell: ``16-21:city 25-31:date``, or ``-`` where there are none."""

from __future__ import annotations

import re

from nlu_kit.plugin import DataError, Entity

NONE = "-"
_ENTITY = re.compile(r"([0-9]{1,9})-([0-9]{1,9}):(\S+)")


def parse_entities(cell: str, text: str, where: str) -> tuple[Entity, ...] | None:
    """The entities in text order; None for a cell that is empty: not annotated. Raises DataError that starts with
    ``where``."""
    if not cell.strip():
        return None
    if cell.strip() == NONE:
        return ()
    found = [_entity(item, text, where) for item in cell.split()]
    twice = next((entity for entity in found if found.count(entity) > 1), None)
    if twice is not None:
        raise DataError(f"{where}: the entity {format_entity(twice)} is there twice; remove one")
    return tuple(sorted(found, key=lambda entity: (entity.start, -entity.end, entity.label)))


def format_entity(entity: Entity) -> str:
    """As ``parse_entities`` reads it."""
    return f"{entity.start}-{entity.end}:{entity.label}"


def _entity(item: str, text: str, where: str) -> Entity:
    match = _ENTITY.fullmatch(item)
    if match is None:
        raise DataError(f"{where}: '{item}' is no entity; write 16-21:city for the label city at characters 16 to 20")
    start, end, label = int(match[1]), int(match[2]), match[3]
    if not start < end <= len(text):
        raise DataError(f"{where}: {start}-{end} does not fit the text, which has {len(text)} characters")
    if text[start:end] != text[start:end].strip():
        raise DataError(f"{where}: {start}-{end} is {text[start:end]!r}: leave out the white space around it")
    return Entity(start=start, end=end, label=label)
