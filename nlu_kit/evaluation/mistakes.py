"""In what way a prediction differs from the annotation, told from the form of the two: labels, spans, or anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlu_kit.data.prediction import EntityPrediction, LabelPrediction

WRONG, MISSED, SPURIOUS = "wrong", "missed", "spurious"
BOUNDARY, TYPE, BOTH = "boundary", "type", "boundary and type"

Mistake = tuple[str, tuple[str, ...]]
"""(kind, the labels that it concerns)"""


def mistakes(gold: Mapping[str, Any], predicted: Mapping[str, Any]) -> list[Mistake]:
    """Each thing that is wrong in the fields that ``gold`` has; ``wrong`` where the form says no more."""
    found: list[Mistake] = []
    for field, wanted in gold.items():
        got: Any = predicted.get(field)
        if isinstance(wanted, LabelPrediction) and isinstance(got, LabelPrediction):
            found += [(WRONG, (wanted.name, got.name))] if wanted.name != got.name else []
        elif _all(wanted, EntityPrediction) and _all(got, EntityPrediction):
            found += span_mistakes(wanted, got)
        elif _all(wanted, LabelPrediction) and _all(got, LabelPrediction):
            names, others = {label.name for label in wanted}, {label.name for label in got}
            found += [(MISSED, (name,)) for name in sorted(names - others)]
            found += [(SPURIOUS, (name,)) for name in sorted(others - names)]
    return found


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    start: int
    end: int
    label: str

    def touches(self, other: _Place) -> bool:
        return self.start < other.end and other.start < self.end


def span_mistakes(gold: Sequence[EntityPrediction], predicted: Sequence[EntityPrediction]) -> list[Mistake]:
    """Each span that only one side has, paired where it can be: ``type`` (same boundaries), ``boundary`` (they overlap
    and have the same label), ``boundary and type`` (they overlap); ``missed`` and ``spurious`` are what is left."""
    wanted, got = ({_Place(e.start, e.end, e.label) for e in side} for side in (gold, predicted))
    wanted, got = wanted - got, got - wanted
    found: list[tuple[_Place, Mistake]] = []
    rules = (
        (TYPE, lambda a, b: (a.start, a.end) == (b.start, b.end)),
        (BOUNDARY, lambda a, b: a.label == b.label and a.touches(b)),
        (BOTH, lambda a, b: a.touches(b)),
    )
    for kind, fits in rules:
        for place in sorted(wanted):
            partner = next((other for other in sorted(got) if fits(place, other)), None)
            if partner is not None:
                wanted.discard(place)
                got.discard(partner)
                found.append((place, (kind, tuple(dict.fromkeys((place.label, partner.label))))))
    found += [(place, (MISSED, (place.label,))) for place in wanted]
    found += [(place, (SPURIOUS, (place.label,))) for place in got]
    return [mistake for _, mistake in sorted(found)]


def _all(value: Any, kind: type) -> bool:
    return isinstance(value, tuple) and all(isinstance(item, kind) for item in value)
