"""Every combination against every other, by the paired bootstrap over the utterances."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from nlu_kit.compare.outcomes import KINDS, explains
from nlu_kit.metrics.bootstrap import Outcomes, bounds, difference, resample

Records = Sequence[Mapping[str, Any]]


def significance(rows: Mapping[int, Records], metrics: Sequence[str]) -> tuple[dict[str, dict[str, Any]], str]:
    """For each metric that can be resampled: ``resampled`` (the kind of outcome), ``best`` (the number of the
    combination with the highest mean), ``intervals`` by number, and all ``pairs``; and why any could not, or "".
    """
    everything = [record for records in rows.values() for record in records]
    if len({record["utterances_sha256"] for record in everything}) > 1:
        return {}, (
            "The runs were not all evaluated on the same utterances (without data.dev, each seed splits off its own "
            "dev set), so there are no intervals and no p. Set data.test."
        )
    found, without = {}, []
    for metric in metrics:
        kind = _kind(metric, everything)
        if kind is None:
            without.append(metric)
        else:
            found[metric] = {"resampled": kind, **_test(metric, kind, rows)}
    why_not = ""
    if without:
        why_not = f"No intervals and no p for {', '.join(without)}: not a ratio of counts over utterances."
    return found, why_not


def head_of(metric: str) -> str:
    return metric.partition(".")[0]


def _kind(metric: str, records: Records) -> str | None:
    """The outcomes whose ratio is this metric, in every run."""
    for kind in KINDS:
        parts = [(record["outcomes"][head_of(metric)].get(kind), record["scores"][metric]) for record in records]
        if all(part is not None and explains(part, figure) for part, figure in parts):
            return kind
    return None


def _test(metric: str, kind: str, rows: Mapping[int, Records]) -> dict[str, Any]:
    numbers = list(rows)
    systems = [_outcomes(metric, kind, records) for records in rows.values()]
    values = resample(systems)
    best = max(range(len(systems)), key=lambda position: systems[position].value())
    return {
        "best": numbers[best],
        "intervals": {
            number: list(bounds(system, row)) for number, system, row in zip(numbers, systems, values, strict=True)
        },
        "pairs": [
            {"a": numbers[a], "b": numbers[b], **asdict(difference(systems[a], systems[b], values[a], values[b]))}
            for a, b in itertools.permutations(range(len(systems)), 2)
        ],
    }


def _outcomes(metric: str, kind: str, records: Records) -> Outcomes:
    parts = [record["outcomes"][head_of(metric)][kind] for record in records]
    return Outcomes(
        numerators=np.array([part["numerators"] for part in parts], dtype=np.float64),
        denominators=np.array([part["denominators"] for part in parts], dtype=np.float64),
    )
