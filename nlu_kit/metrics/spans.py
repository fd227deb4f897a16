"""Strict span precision, recall and F1 by seqeval: a span counts if its boundaries and its label are exact.

Spans are compared as *characters* of the raw text, whatever the tokenizer did: each text is cut at every boundary of
either side, the pieces get IOB2 tags, and seqeval (https://github.com/chakki-works/seqeval, strict mode) counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Span(Protocol):
    """Anything with character offsets and a label."""

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...

    @property
    def label(self) -> str: ...


def span_scores(gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]]) -> dict[str, float]:
    """Micro-averaged ``precision``, ``recall`` and ``f1`` over all texts; empty where there is no text.

    Where neither side has any span, all three are 1: there was nothing to find and nothing was made up.
    """
    if not gold:
        return {}
    if not any(gold) and not any(predicted):
        return {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    from seqeval.metrics.v1 import precision_recall_fscore_support
    from seqeval.scheme import IOB2

    gold_tags, predicted_tags = [], []
    for gold_spans, predicted_spans in zip(gold, predicted, strict=True):
        cuts = sorted({edge for span in (*gold_spans, *predicted_spans) for edge in (span.start, span.end)})
        gold_tags.append(_tags(gold_spans, cuts))
        predicted_tags.append(_tags(predicted_spans, cuts))
    precision, recall, f1, _ = precision_recall_fscore_support(
        gold_tags, predicted_tags, average="micro", mode="strict", scheme=IOB2, zero_division=0
    )
    return {"precision": float(precision), "recall": float(recall), "f1": float(f1)}


def _tags(spans: Sequence[Span], cuts: Sequence[int]) -> list[str]:
    """IOB2 tags of the pieces between consecutive cuts."""
    at = {cut: position for position, cut in enumerate(cuts)}
    tags = ["O"] * max(len(cuts) - 1, 0)
    for span in spans:
        first, last = at[span.start], at[span.end]
        tags[first:last] = [f"B-{span.label}", *[f"I-{span.label}"] * (last - first - 1)]
    return tags
