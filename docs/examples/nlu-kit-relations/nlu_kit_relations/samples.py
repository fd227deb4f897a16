"""A few examples with entities and relations: what the contract checks try the head with. No torch."""

from __future__ import annotations

from collections.abc import Sequence

from nlu_kit.plugin import Entity, Example
from nlu_kit_relations.params import RelationsParams

_TITLES = (("Misty", "Ella"), ("So What", "Miles Davis"), ("Hurt", "Johnny Cash"))
_CITIES = (("Rome", "Oslo"), ("New York", "Paris"), ("Tel Aviv", "Bern"))


def samples(params: RelationsParams) -> Sequence[Example]:
    """Both orders of the entities for each relation, and texts that have entities and no relation."""
    found = []
    for title, artist in _TITLES:
        found.append(_sample(params, "play ", (title, "title"), " by ", (artist, "artist"), "by"))
        found.append(_sample(params, "some ", (artist, "artist"), " but not ", (title, "title"), None))
    for here, there in _CITIES:
        found.append(_sample(params, "fly from ", (here, "city"), " to ", (there, "city"), "route"))
        found.append(_sample(params, "to ", (here, "city"), " from ", (there, "city"), "route", backwards=True))
        found.append(_sample(params, "neither ", (here, "city"), " nor ", (there, "city"), None))
    return found


def _sample(
    params: RelationsParams,
    before: str,
    first: tuple[str, str],
    between: str,
    second: tuple[str, str],
    relation: str | None,
    *,
    backwards: bool = False,
) -> Example:
    text = before + first[0] + between + second[0]
    starts = len(before), len(text) - len(second[0])
    entities = tuple(
        Entity(start=start, end=start + len(name), label=label)
        for start, (name, label) in zip(starts, (first, second), strict=True)
    )
    ends = [{"start": entity.start, "end": entity.end} for entity in entities]
    head, tail = reversed(ends) if backwards else ends
    relations = [] if relation is None else [{"label": relation, "head": head, "tail": tail}]
    if params.spans == "entities":
        return Example(text=text, entities=entities, labels={params.field: relations})
    return Example(text=text, labels={params.spans: entities, params.field: relations})
