"""Spans beyond their strict F1: by label, by boundaries only, by label only. No torch.

Spans are compared as *characters* of the raw text, whatever the tokenizer did; one that is there twice counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from nlu_kit.metrics.classification import label_row
from nlu_kit.metrics.report import HeadReport, LabelScore

Triple = tuple[int, int, str]


class Span(Protocol):
    """Anything with character offsets and a label."""

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...

    @property
    def label(self) -> str: ...


def triple(span: Span) -> Triple:
    """What makes two spans the same: boundaries and label."""
    return span.start, span.end, span.label


def span_report(gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]]) -> HeadReport:
    """A row for every label of either side, and, where gold has a span at all, these figures over all texts:

    - ``macro_f1``: strict, the mean over the labels of gold (over all spans it is ``f1``);
    - ``boundary_f1``: a span is right if one of gold has its boundaries, whatever its label;
    - ``type_f1``: a span is right if it overlaps one of gold that has its label, whatever the boundaries. Each span is
      paired with one of the other side at most, and the most pairs are taken. It is MUC-5's question of types, asked
      of spans that overlap as in SemEval-2013 task 9 (Segura-Bedmar et al. 2013).
    """
    pairs = [(set(map(triple, g)), set(map(triple, p))) for g, p in zip(gold, predicted, strict=True)]
    rows = _rows(pairs)
    if not any(g for g, _ in pairs):
        return HeadReport(labels=rows)
    supports, guesses = sum(len(g) for g, _ in pairs), sum(len(p) for _, p in pairs)
    bounds = [({s[:2] for s in g}, {s[:2] for s in p}) for g, p in pairs]
    common, here, there = (sum(counts) for counts in zip(*map(_counts, bounds), strict=True))
    of_gold = [row.f1 for row in rows if row.support]
    return HeadReport(
        metrics={
            "macro_f1": sum(of_gold) / len(of_gold),
            "boundary_f1": _f1(common, here, there),
            "type_f1": _f1(sum(_pairings(g, p) for g, p in pairs), supports, guesses),
        },
        labels=rows,
    )


def _counts(pair: tuple[AbstractSet[Any], AbstractSet[Any]]) -> tuple[int, int, int]:
    """How many both sides have, gold, predicted."""
    gold, predicted = pair
    return len(gold & predicted), len(gold), len(predicted)


def _f1(right: int, gold: int, predicted: int) -> float:
    return 2 * right / (gold + predicted) if gold + predicted else 0.0


def _rows(pairs: Sequence[tuple[set[Triple], set[Triple]]]) -> list[LabelScore]:
    """One for each label, most frequent first; a figure is 0 where it has nothing to divide by."""
    supports, guesses, hits = (
        Counter(label for spans in texts for *_, label in spans)
        for texts in ([g for g, _ in pairs], [p for _, p in pairs], [g & p for g, p in pairs])
    )
    names = sorted({*supports, *guesses}, key=lambda name: (-supports[name], name))
    return [label_row(name, hits[name], supports[name], guesses[name]) for name in names]


def _pairings(gold: set[Triple], predicted: set[Triple]) -> int:
    """How many spans can be paired with an overlapping one of the same label: a maximum matching."""
    if not gold or not predicted:
        return 0
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    near = csr_array([[_overlap(one, other) for other in predicted] for one in gold], dtype=bool)
    return int((maximum_bipartite_matching(near) >= 0).sum())


def _overlap(one: Triple, other: Triple) -> bool:
    """Of one label, and with a common character (an empty span only meets itself)."""
    return one == other or (one[2] == other[2] and one[0] < other[1] and other[0] < one[1])
