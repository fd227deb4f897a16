"""Metrics of sets of labels. No torch, no numpy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from nlu_kit.metrics.report import LabelScore

Labels = Collection[str]


def multilabel_scores(gold: Sequence[Labels], predicted: Sequence[Labels]) -> dict[str, float]:
    """``micro_f1``, ``macro_f1`` (over the labels that occur in gold) and ``accuracy`` (exactly the gold set).

    Empty where no text has a label.
    """
    if not any(gold):
        return {}
    rows = label_scores(gold, predicted)
    hits = sum(len(set(g) & set(p)) for g, p in zip(gold, predicted, strict=True))
    in_gold = [row.f1 for row in rows if row.support]
    return {
        "micro_f1": 2 * hits / (sum(map(len, gold)) + sum(map(len, predicted))),
        "macro_f1": sum(in_gold) / len(in_gold),
        "accuracy": sum(set(g) == set(p) for g, p in zip(gold, predicted, strict=True)) / len(gold),
    }


def micro_scores(gold: Sequence[Labels], predicted: Sequence[Labels]) -> dict[str, float]:
    """``micro_precision`` and ``micro_recall``; 0 where there is nothing to divide by."""
    hits = sum(len(set(g) & set(p)) for g, p in zip(gold, predicted, strict=True))
    return {
        "micro_precision": _share(hits, sum(map(len, predicted))),
        "micro_recall": _share(hits, sum(map(len, gold))),
    }


def label_scores(gold: Sequence[Labels], predicted: Sequence[Labels]) -> list[LabelScore]:
    """A row for each label of either side, most frequent in gold first."""
    support = Counter(label for labels in gold for label in labels)
    made = Counter(label for labels in predicted for label in labels)
    hits = Counter(label for g, p in zip(gold, predicted, strict=True) for label in set(g) & set(p))
    return [
        LabelScore(
            label=label,
            precision=_share(hits[label], made[label]),
            recall=_share(hits[label], support[label]),
            f1=_share(2 * hits[label], support[label] + made[label]),
            support=support[label],
            predicted=made[label],
        )
        for label in sorted(support.keys() | made.keys(), key=lambda label: (-support[label], label))
    ]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
