"""Figures by relation, and of pairs whatever their relation. No torch, no numpy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from nlu_kit.plugin import HeadReport, label_row

Key = tuple[str, tuple[int, int, str], tuple[int, int, str]]
"""Label, head and tail of a relation; the label first."""


def relation_report(gold: Sequence[AbstractSet[Key]], predicted: Sequence[AbstractSet[Key]]) -> HeadReport:
    """A row for each label of either side, the most frequent first, and ``unlabelled_f1``: the pair is right, whatever
    its relation is called."""
    hits, supports, guesses = (
        Counter(key[0] for keys in texts for key in keys)
        for texts in ([g & p for g, p in zip(gold, predicted, strict=True)], gold, predicted)
    )
    names = sorted({*supports, *guesses}, key=lambda name: (-supports[name], name))
    rows = [label_row(name, hits[name], supports[name], guesses[name]) for name in names]
    pairs = [[{key[1:] for key in keys} for keys in side] for side in (gold, predicted)]
    both = sum(len(g & p) for g, p in zip(*pairs, strict=True))
    all_pairs = sum(len(keys) for side in pairs for keys in side)
    return HeadReport(metrics={"unlabelled_f1": 2 * both / all_pairs} if all_pairs else {}, labels=rows)
