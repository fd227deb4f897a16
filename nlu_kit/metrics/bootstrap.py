"""The paired bootstrap over test utterances: is one system really better than another, or was the test set kind to it?

Koehn (2004), "Statistical significance tests for machine translation evaluation"; for what such a p does and does not
say, Berg-Kirkpatrick, Burkett and Klein (2012), "An empirical investigation of statistical significance in NLP".

Every figure is a ratio of sums over utterances, so that a resample costs two weighted sums: accuracy is right answers
over annotated utterances, span F1 is twice the spans found over the spans of both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nlu_kit.metrics.counts import Counts

RESAMPLES = 10_000
LEVEL = 0.95
_CELLS = 4_000_000  # of the matrix of weights that is in memory at one time


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What a system did on each utterance: float64 ``numerators`` and ``denominators`` [S, N], S runs (seeds) of it."""

    numerators: np.ndarray
    denominators: np.ndarray

    @classmethod
    def of(cls, runs: Sequence[Counts]) -> Outcomes:
        """Of one metric, from the counts of each run."""
        return cls(np.stack([run.numerators for run in runs]), np.stack([run.denominators for run in runs]))

    def value(self) -> float:
        """The figure on the whole set, mean over the runs."""
        return float(_ratio(self.numerators.sum(axis=1), self.denominators.sum(axis=1)).mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Of two systems. ``low`` and ``high`` bound the 95 % percentile interval; ``p`` is the share of resamples in which
    the first is *not* better (a tie counts half), so .5 for equal systems, and near 1 where the second is better."""

    difference: float
    low: float
    high: float
    p: float


def resample(systems: Sequence[Outcomes], *, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """The figure of each system on each resample of the utterances, ``[K, resamples]``, mean over its runs.

    All systems see the same resamples (that is what pairs them). What is resampled are the utterances that count for
    some system, or resamples might hold none of them. Raises ValueError where systems differ in utterances, or none
    counts.
    """
    sizes = {system.numerators.shape[1] for system in systems}
    if len(sizes) != 1:
        raise ValueError(f"systems are compared on the same utterances; got {sorted(sizes)}")
    counted = np.any([(system.denominators > 0).any(axis=0) for system in systems], axis=0)
    if not counted.any():
        raise ValueError("none of the utterances counts, so there is nothing to resample")
    systems = [Outcomes(s.numerators[:, counted], s.denominators[:, counted]) for s in systems]
    size = int(counted.sum())
    sums = np.concatenate([part for s in systems for part in (s.numerators, s.denominators)]).T  # [N, runs of all x 2]
    generator = np.random.default_rng(seed)
    found = [np.empty((len(systems), 0))]
    step = max(1, _CELLS // size)
    for start in range(0, resamples, step):
        weights = _weights(generator, min(step, resamples - start), size)
        found.append(_values(weights @ sums, systems))
    return np.concatenate(found, axis=1)


def interval(values: np.ndarray, *, level: float = LEVEL) -> tuple[float, float]:
    """The percentile interval of resampled figures."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bounds(system: Outcomes, values: np.ndarray, *, level: float = LEVEL) -> tuple[float, float]:
    """The interval of one system's figure, given ``values``, its resamples.

    It is the percentile interval, but where every resample gives the same figure, as when all utterances are right:
    that shows only that other ones are rare. Among n utterances none was seen, so their share is at most
    1 - (alpha/2)^(1/n) (Clopper and Pearson 1934); the bounds are what the figure would be if so many were all wrong,
    or all right. For accuracy this is their exact interval, for other ratios an approximation.
    """
    low, high = interval(values, level=level)
    if high - low > 1e-12:
        return low, high
    counted = int((system.denominators[0] > 0).sum())
    kept = ((1 - level) / 2) ** (1 / max(counted, 1))
    return low * kept, 1 - (1 - high) * kept


def difference(first: Outcomes, second: Outcomes, first_values: np.ndarray, second_values: np.ndarray) -> Difference:
    """``first`` against ``second``; the values are theirs, ``[resamples]``, from one call of ``resample``."""
    deltas = np.round(first_values - second_values, 12)  # the same figure by two orders of adding is a tie
    low, high = interval(deltas)
    not_better = (deltas < 0).sum() + 0.5 * (deltas == 0).sum()
    p = (not_better + 1) / (len(deltas) + 1)  # never 0: a finite number of resamples can't show that
    return Difference(difference=first.value() - second.value(), low=low, high=high, p=min(float(p), 1.0))


def _weights(generator: np.random.Generator, rows: int, size: int) -> np.ndarray:
    """How often each utterance is drawn, ``[rows, size]``."""
    drawn = generator.integers(size, size=(rows, size)) + np.arange(rows)[:, None] * size
    return np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size).astype(np.float64)


def _values(sums: np.ndarray, systems: Sequence[Outcomes]) -> np.ndarray:
    """``[K, rows]`` from the sums ``[rows, runs of all x 2]``."""
    values, column = [], 0
    for system in systems:
        runs = len(system.numerators)
        tops, bottoms = sums[:, column : column + runs], sums[:, column + runs : column + 2 * runs]
        values.append(_ratio(tops, bottoms).mean(axis=1))
        column += 2 * runs
    return np.stack(values)


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """1 where there is nothing to find and nothing was made up, as for span F1."""
    values: np.ndarray = np.divide(top, bottom, out=np.ones_like(top), where=bottom != 0)
    return values
