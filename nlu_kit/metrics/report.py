"""What a head can say of an evaluation beyond its main figures. No torch, no numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelScore:
    """One label: ``precision``, ``recall`` and ``f1`` in [0, 1]; ``support`` counts it in the annotation, ``predicted``
    in the predictions."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """``counts[i][j]``: how often ``labels[i]`` was annotated and ``labels[j]`` predicted."""

    labels: Sequence[str]
    counts: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadReport:
    """``metrics``: further figures in [0, 1], by name; ``labels``: most frequent first."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    labels: Sequence[LabelScore] = ()
    confusion: Confusion | None = None
