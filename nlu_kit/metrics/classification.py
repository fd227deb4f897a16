"""Single-label classification: accuracy, macro F1, and the row of every label. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from nlu_kit.metrics.report import Confusion, HeadReport, LabelScore


def classification_scores(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, float]:
    """``accuracy`` and ``macro_f1`` (over the labels that occur in gold); empty where there is no example.

    Labels that the model has never seen stay in: they can only be got wrong.
    """
    if not gold:
        return {}
    from sklearn.metrics import f1_score

    correct = sum(g == p for g, p in zip(gold, predicted, strict=True))
    macro = f1_score(gold, predicted, labels=sorted(set(gold)), average="macro", zero_division=0)
    return {"accuracy": correct / len(gold), "macro_f1": float(macro)}


def classification_report(gold: Sequence[str], predicted: Sequence[str]) -> HeadReport:
    """A row for every label of either side, all counts of who was taken for whom, and two more averages of F1.

    ``weighted_f1`` is over the labels of gold, each as often as it occurs there. ``micro_f1`` is over those labels
    too, from the sums of their counts; where nothing but these was predicted, it is the accuracy.
    """
    pairs = Counter(zip(gold, predicted, strict=True))
    if not pairs:
        return HeadReport()
    supports, guesses = Counter(gold), Counter(predicted)
    names = sorted({*supports, *guesses}, key=lambda name: (-supports[name], name))
    rows = [_row(name, pairs[name, name], supports[name], guesses[name]) for name in names]
    hits = sum(pairs[name, name] for name in supports)
    guessed = sum(guesses[name] for name in supports)
    return HeadReport(
        metrics={
            "micro_f1": 2 * hits / (len(gold) + guessed),
            "weighted_f1": sum(row.f1 * row.support for row in rows) / len(gold),
        },
        labels=rows,
        confusion=Confusion(labels=names, counts=[[pairs[g, p] for p in names] for g in names]),
    )


def _row(label: str, hits: int, support: int, predicted: int) -> LabelScore:
    """Precision, recall and F1 are 0 where they have nothing to divide by."""
    return LabelScore(
        label=label,
        precision=hits / predicted if predicted else 0.0,
        recall=hits / support if support else 0.0,
        f1=2 * hits / (support + predicted),
        support=support,
        predicted=predicted,
    )
