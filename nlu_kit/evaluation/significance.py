"""Is one of two models really better? McNemar's exact test on what each got right, the paired bootstrap on figures.

McNemar (1947), "Note on the sampling error of the difference between correlated proportions or percentages".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from nlu_kit.metrics.bootstrap import Outcomes, difference, resample
from nlu_kit.metrics.counts import Counts


def mcnemar(better: int, worse: int) -> float:
    """Two-sided exact p of so unequal a pair of counts, were each change as likely for the better as for the worse.

    1 where nothing changed.
    """
    from scipy.stats import binomtest

    return float(binomtest(better, better + worse).pvalue) if better + worse else 1.0


def paired(first: Mapping[str, Counts], second: Mapping[str, Counts]) -> dict[str, dict[str, Any]]:
    """For each figure of both models: ``difference``, second minus first, its 95 % interval as ``low`` and ``high``,
    and ``p``, the share of resamples in which the second is not better."""
    found = {}
    for name in first:
        if name in second:
            before, after = Outcomes.of([first[name]]), Outcomes.of([second[name]])
            rows = resample([before, after])
            found[name] = asdict(difference(after, before, rows[1], rows[0]))
    return found
