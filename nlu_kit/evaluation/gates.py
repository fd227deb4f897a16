"""Thresholds of a build: which figures must not fall below, or rise above, which value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from nlu_kit.errors import ConfigError, Problem, did_you_mean

MINIMUM, MAXIMUM = "minimum", "maximum"
OPTIONS = {MINIMUM: "--fail-under", MAXIMUM: "--fail-over"}
LOWER_IS_BETTER = ("false_rejection", "fpr95", "ece", "ece_uncalibrated")
"""The figures of this kind, without what they are of; all others are better when they are higher."""


@dataclass(frozen=True, slots=True)
class Gate:
    """``limit``, in [0, 1], is what ``metric`` must reach at least (``bound`` MINIMUM) or may reach at most."""

    metric: str
    limit: float
    bound: str = MINIMUM


def parse_gates(minima: Sequence[str], maxima: Sequence[str] = ()) -> list[Gate]:
    """Of all ``--fail-under`` and ``--fail-over``. Raises ConfigError with every problem."""
    found = [_parse(text, bound) for bound, texts in ((MINIMUM, minima), (MAXIMUM, maxima)) for text in texts]
    problems = [one for one in found if isinstance(one, Problem)]
    if problems:
        raise ConfigError(problems, where="on the command line")
    return [one for one in found if isinstance(one, Gate)]


def _parse(argument: str, bound: str) -> Gate | Problem:
    metric, equals, text = argument.partition("=")
    metric, problem = metric.strip(), partial(Problem, OPTIONS[bound])
    lower = metric.rpartition(".")[2] in LOWER_IS_BETTER
    fitting = OPTIONS[MAXIMUM if lower else MINIMUM]
    example = f"write {fitting} METRIC=VALUE, for instance {fitting} " + (
        "out_of_scope.false_rejection=0.05" if lower else "intent.accuracy=0.95"
    )
    try:
        limit = float(text)
    except ValueError:
        limit = math.nan
    if not equals or not metric or math.isnan(limit):
        return problem(f"can't read '{argument}'", example)
    if not 0 <= limit <= 1:
        hint = f"{limit:g} percent is {limit / 100:g}" if 1 < limit <= 100 else example
        return problem(f"the figure of '{argument}' is not from 0 to 1", hint)
    if lower != (bound == MAXIMUM):
        better = "lower" if lower else "higher"
        return problem(f"'{metric}' is better when it is {better}", f"write {fitting} {metric}=VALUE")
    return Gate(metric, limit, bound)


def check_gates(gates: Sequence[Gate], figures: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each gate with its ``value`` and whether it ``passed``; those of unknown figures are left out."""
    known = [(gate, figures[gate.metric]["value"]) for gate in gates if gate.metric in figures]
    return [{**asdict(gate), "value": value, "passed": _passed(gate, value)} for gate, value in known]


def _passed(gate: Gate, value: float) -> bool:
    # What is computed in another order may differ in the last bit; that is no regression.
    return value >= gate.limit - 1e-9 if gate.bound == MINIMUM else value <= gate.limit + 1e-9


def unknown_figures(gates: Sequence[Gate], figures: Mapping[str, Any]) -> list[Problem]:
    """A problem for each gate whose figure there is not.

    Handed back and not raised: which figures there are is known only after everything is computed, and that must not
    be lost for a slip in a name.
    """
    return [
        Problem(
            OPTIONS[gate.bound],
            f"there is no figure '{gate.metric}'",
            did_you_mean(gate.metric, figures) + f"there are: {', '.join(figures)}",
        )
        for gate in gates
        if gate.metric not in figures
    ]
