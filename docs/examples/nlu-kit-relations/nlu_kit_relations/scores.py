"""How good relations are: strict, as sets. No torch, no numpy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from nlu_kit.plugin import HeadReport, LabelScore

Key = tuple[str, tuple[int, int, str], tuple[int, int, str]]
"""Label, head and tail of a relation; the label first."""


def relation_scores(gold: Sequence[AbstractSet[Key]], predicted: Sequence[AbstractSet[Key]]) -> dict[str, float]:
    """Micro-averaged ``precision``, ``recall`` and ``f1`` over all texts; empty where gold has no relation at all.

    Strict: the relation's label, and boundaries and labels of both entities must be exact (Bekoulis et al. 2018, "Joint
    entity recognition and relation extraction as a multi-head selection problem").
    """
    wanted, got = sum(map(len, gold)), sum(map(len, predicted))
    if not wanted:
        return {}
    right = sum(len(g & p) for g, p in zip(gold, predicted, strict=True))
    return {"precision": right / got if got else 0.0, "recall": right / wanted, "f1": 2 * right / (wanted + got)}


def relation_report(gold: Sequence[AbstractSet[Key]], predicted: Sequence[AbstractSet[Key]]) -> HeadReport:
    """A row for each label of either side, the most frequent first, and ``unlabelled_f1``: the pair is right, whatever
    its relation is called."""
    hits, supports, guesses = (
        Counter(key[0] for keys in texts for key in keys)
        for texts in ([g & p for g, p in zip(gold, predicted, strict=True)], gold, predicted)
    )
    names = sorted({*supports, *guesses}, key=lambda name: (-supports[name], name))
    rows = [
        LabelScore(
            label=name,
            precision=hits[name] / guesses[name] if guesses[name] else 0.0,
            recall=hits[name] / supports[name] if supports[name] else 0.0,
            f1=2 * hits[name] / (supports[name] + guesses[name]),
            support=supports[name],
            predicted=guesses[name],
        )
        for name in names
    ]
    pairs = [[{key[1:] for key in keys} for keys in side] for side in (gold, predicted)]
    both = sum(len(g & p) for g, p in zip(*pairs, strict=True))
    all_pairs = sum(len(keys) for side in pairs for keys in side)
    return HeadReport(metrics={"unlabelled_f1": 2 * both / all_pairs} if all_pairs else {}, labels=rows)
