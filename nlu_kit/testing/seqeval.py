"""Strict span precision, recall and F1 as seqeval counts them: what a head's own counts are held against.

seqeval (https://github.com/chakki-works/seqeval, strict mode) reads tags: each text is cut at every boundary of either
side, and the pieces get IOB2 tags. Tags can't say that spans overlap. A text with such spans (or empty ones) becomes a
row with one place for each distinct span of either side, so that the same strict count holds for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from nlu_kit.metrics.spans import Span, triple


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
        both = (*gold_spans, *predicted_spans)
        if _flat(gold_spans) and _flat(predicted_spans):
            cuts = sorted({edge for span in both for edge in (span.start, span.end)})
            gold_tags.append(_tags(gold_spans, cuts))
            predicted_tags.append(_tags(predicted_spans, cuts))
        else:
            places = sorted({triple(span) for span in both})
            gold_tags.append(_marks(gold_spans, places))
            predicted_tags.append(_marks(predicted_spans, places))
    precision, recall, f1, _ = precision_recall_fscore_support(
        gold_tags, predicted_tags, average="micro", mode="strict", scheme=IOB2, zero_division=0
    )
    return {"precision": float(precision), "recall": float(recall), "f1": float(f1)}


def _flat(spans: Sequence[Span]) -> bool:
    """Whether tags can tell these spans apart: each has a character, and no two share one."""
    ordered = sorted(spans, key=triple)
    apart = all(before.end <= after.start for before, after in pairwise(ordered))
    return apart and all(span.start < span.end for span in ordered)


def _marks(spans: Sequence[Span], places: Sequence[tuple[int, int, str]]) -> list[str]:
    """A tag at the place of each span: no two of them have the same, so each is an entity of its own."""
    here = {triple(span) for span in spans}
    return [f"B-{place[2]}" if place in here else "O" for place in places]


def _tags(spans: Sequence[Span], cuts: Sequence[int]) -> list[str]:
    """IOB2 tags of the pieces between consecutive cuts."""
    at = {cut: position for position, cut in enumerate(cuts)}
    tags = ["O"] * max(len(cuts) - 1, 0)
    for span in spans:
        first, last = at[span.start], at[span.end]
        tags[first:last] = [f"B-{span.label}", *[f"I-{span.label}"] * (last - first - 1)]
    return tags
