"""Spans beyond their strict F1: by label, by boundaries only, by label only. No torch, no numpy.

As in ``spans``, what counts are characters of the raw text, and a span that occurs twice in a text counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from nlu_kit.metrics.report import HeadReport, LabelScore
from nlu_kit.metrics.spans import Span

Triple = tuple[int, int, str]


def span_report(gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]]) -> HeadReport:
    """A row for every label of either side, and, where gold has a span at all, these figures over all texts:

    - ``macro_f1``: strict, the mean over the labels of gold (over all spans it is ``f1`` of ``span_scores``);
    - ``boundary_f1``: a span is right if one of gold has its boundaries, whatever its label;
    - ``type_f1``: a span is right if it overlaps one of gold that has its label, whatever the boundaries. Each span is
      paired with one of the other side at most, and the most pairs are taken. It is MUC-5's question of types, asked
      of spans that overlap as in SemEval-2013 task 9 (Segura-Bedmar et al. 2013).
    """
    pairs = [(_triples(g), _triples(p)) for g, p in zip(gold, predicted, strict=True)]
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


def _triples(spans: Sequence[Span]) -> set[Triple]:
    return {(span.start, span.end, span.label) for span in spans}


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
    return [
        LabelScore(
            label=name,
            precision=hits[name] / guesses[name] if guesses[name] else 0.0,
            recall=hits[name] / supports[name] if supports[name] else 0.0,
            f1=_f1(hits[name], supports[name], guesses[name]),
            support=supports[name],
            predicted=guesses[name],
        )
        for name in names
    ]


def _pairings(gold: set[Triple], predicted: set[Triple]) -> int:
    """How many spans can be paired with an overlapping one of the same label: a maximum matching (Kuhn 1955)."""
    near = {p: sorted(g for g in gold if _overlap(g, p)) for p in sorted(predicted)}
    partner: dict[Triple, Triple] = {}
    return sum(_paired(p, near, partner, set()) for p in near)


def _paired(
    span: Triple, near: Mapping[Triple, Sequence[Triple]], partner: dict[Triple, Triple], asked: set[Triple]
) -> bool:
    """Find a partner, where needed by having another span change its own."""
    for other in near[span]:
        if other not in asked:
            asked.add(other)
            if other not in partner or _paired(partner[other], near, partner, asked):
                partner[other] = span
                return True
    return False


def _overlap(one: Triple, other: Triple) -> bool:
    """Of one label, and with a common character (an empty span only meets itself)."""
    return one == other or (one[2] == other[2] and one[0] < other[1] and other[0] < one[1])
