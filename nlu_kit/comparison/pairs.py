"""Every combination against every other, by the paired bootstrap over the utterances."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from nlu_kit.experiments.record import counts_from_json
from nlu_kit.metrics.bootstrap import Outcomes, bounds, difference, resample

Records = Sequence[Mapping[str, Any]]


def pairwise(rows: Mapping[int, Records], metrics: Sequence[str]) -> tuple[dict[str, dict[str, Any]], str]:
    """For each metric that is a ratio of counts: ``best`` (the number of the combination with the highest mean),
    ``intervals`` by number, and all ``pairs``; and why any has none of these, or "".

    Each is resampled over the utterances that it counts.
    """
    everything = [record for records in rows.values() for record in records]
    if len({record["utterances_sha256"] for record in everything}) > 1:
        return {}, (
            "The runs were not all evaluated on the same utterances (without data.dev, each seed splits off its own "
            "dev set), so there are no intervals and no p. Set data.test."
        )
    ratios = [name for name in metrics if all(name in record["counts"] for record in everything)]
    others = ", ".join(name for name in metrics if name not in ratios)
    why_not = f"No intervals and no p for {others}: not a ratio of counts over utterances." if others else ""
    return {name: _test(name, rows) for name in ratios}, why_not


def _test(metric: str, rows: Mapping[int, Records]) -> dict[str, Any]:
    numbers = list(rows)
    systems = [
        Outcomes.of([counts_from_json(record["counts"][metric]) for record in records]) for records in rows.values()
    ]
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
