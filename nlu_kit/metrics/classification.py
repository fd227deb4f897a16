"""Classification: F1 of every label, their averages, and who is taken for whom. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from nlu_kit.metrics.report import Confusion, HeadReport, LabelScore


def macro_f1(gold: Sequence[str], predicted: Sequence[str]) -> float:
    """The mean F1 of the labels that occur in gold. Labels that the model has never seen stay in: they can only be got
    wrong."""
    of_gold = [row.f1 for row in label_rows([[g] for g in gold], [[p] for p in predicted]) if row.support]
    return sum(of_gold) / len(of_gold)


def label_rows(gold: Sequence[Collection[str]], predicted: Sequence[Collection[str]]) -> list[LabelScore]:
    """A row for each label of either side, most frequent in gold first, from each text's sets of labels."""
    supports = Counter(label for labels in gold for label in set(labels))
    guesses = Counter(label for labels in predicted for label in set(labels))
    hits = Counter(label for g, p in zip(gold, predicted, strict=True) for label in set(g) & set(p))
    names = sorted({*supports, *guesses}, key=lambda name: (-supports[name], name))
    return [label_row(name, hits[name], supports[name], guesses[name]) for name in names]


def label_row(label: str, hits: int, support: int, predicted: int) -> LabelScore:
    """Precision, recall and F1 are 0 where they have nothing to divide by."""
    return LabelScore(
        label=label,
        precision=hits / predicted if predicted else 0.0,
        recall=hits / support if support else 0.0,
        f1=2 * hits / (support + predicted) if support + predicted else 0.0,
        support=support,
        predicted=predicted,
    )


def classification_report(gold: Sequence[str], predicted: Sequence[str]) -> HeadReport:
    """A row for every label of either side, the confusion matrix, and two more averages of F1.

    ``weighted_f1`` is over the labels of gold, each as often as it occurs there. ``micro_f1`` is over those labels
    too, from the sums of their counts; where nothing but these was predicted, it is the accuracy.
    """
    if not gold:
        return HeadReport()
    rows = label_rows([[g] for g in gold], [[p] for p in predicted])
    pairs, names = Counter(zip(gold, predicted, strict=True)), [row.label for row in rows]
    of_gold = [row for row in rows if row.support]
    hits, guessed = sum(pairs[row.label, row.label] for row in of_gold), sum(row.predicted for row in of_gold)
    return HeadReport(
        metrics={
            "micro_f1": 2 * hits / (len(gold) + guessed),
            "weighted_f1": sum(row.f1 * row.support for row in rows) / len(gold),
        },
        labels=rows,
        confusion=Confusion(labels=names, counts=[[pairs[g, p] for p in names] for g in names]),
    )
