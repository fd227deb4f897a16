"""Is one of two models really better? McNemar's exact test on what each got right, the paired bootstrap on figures.

McNemar (1947), "Note on the sampling error of the difference between correlated proportions or percentages".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import comb
from typing import Any

from nlu_kit.compare.outcomes import KINDS, explains, outcomes
from nlu_kit.evaluate.figures import as_outcomes, head_of
from nlu_kit.evaluate.predictions import PredictionSet
from nlu_kit.metrics.bootstrap import difference, resample


def mcnemar(better: int, worse: int) -> float:
    """Two-sided exact p of so unequal a pair of counts, were each change as likely for the better as for the worse.

    1 where nothing changed.
    """
    changed = better + worse
    tail = sum(comb(changed, count) for count in range(min(better, worse) + 1))
    return min(1.0, 2 * tail / (1 << changed))


def paired(
    first: PredictionSet, second: PredictionSet, values: Mapping[str, tuple[float, float]], heads: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """For each figure (name to its values for both models) that can be resampled: ``difference``, second minus first,
    its 95 % interval as ``low`` and ``high``, and ``p``, the share of resamples in which the second is not better.
    ``heads``: those that count for exact match."""
    both = [
        outcomes({head: part.codecs[head] for head in heads}, part.examples, part.predictions)
        for part in (first, second)
    ]
    systems = {}
    for name, figures in values.items():
        parts = [found[head_of(name) or name] for found in both]
        for kind in KINDS:
            if all(kind in part and explains(part[kind], value) for part, value in zip(parts, figures, strict=True)):
                systems[name] = [as_outcomes(part[kind]) for part in parts]
                break
    if not systems:
        return {}
    rows = resample([one for pair in systems.values() for one in pair])
    return {
        name: asdict(difference(after, before, rows[2 * place + 1], rows[2 * place]))
        for place, (name, (before, after)) in enumerate(systems.items())
    }
