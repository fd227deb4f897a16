"""Accuracy and macro F1 of single-label classification."""

from __future__ import annotations

from collections.abc import Sequence


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
