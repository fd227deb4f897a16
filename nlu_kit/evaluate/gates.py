"""Thresholds of a build: which figures must not fall below which value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nlu_kit.errors import ConfigError, Problem, did_you_mean

_OPTION = "--fail-under"
_EXAMPLE = "write --fail-under METRIC=VALUE, for instance --fail-under intent.accuracy=0.95"


@dataclass(frozen=True, slots=True)
class Gate:
    """``metric`` must be at least ``minimum``, in [0, 1]."""

    metric: str
    minimum: float


def parse_gates(arguments: Sequence[str]) -> list[Gate]:
    """Of all ``--fail-under``. Raises ConfigError with every problem."""
    gates, problems = [], []
    for argument in arguments:
        metric, equals, text = argument.partition("=")
        try:
            minimum = float(text)
        except ValueError:
            minimum = math.nan
        if not equals or not metric.strip() or math.isnan(minimum):
            problems.append(Problem(_OPTION, f"can't read '{argument}'", _EXAMPLE))
        elif not 0 <= minimum <= 1:
            hint = f"{minimum:g} percent is {minimum / 100:g}" if 1 < minimum <= 100 else _EXAMPLE
            problems.append(Problem(_OPTION, f"the figure of '{argument}' is not from 0 to 1", hint))
        else:
            gates.append(Gate(metric.strip(), minimum))
    if problems:
        raise ConfigError(problems)
    return gates


def check_gates(gates: Sequence[Gate], figures: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each gate with its ``value`` and whether it ``passed``; those of unknown figures are left out."""
    known = [(gate, figures[gate.metric]["value"]) for gate in gates if gate.metric in figures]
    # What is computed in another order may differ in the last bit; that is no regression.
    return [{**asdict(gate), "value": value, "passed": value >= gate.minimum - 1e-9} for gate, value in known]


def unknown_figures(gates: Sequence[Gate], figures: Mapping[str, Any]) -> list[Problem]:
    """A problem for each gate whose figure there is not.

    Handed back and not raised: which figures there are is known only after everything is computed, and that must not
    be lost for a slip in a name.
    """
    return [
        Problem(
            _OPTION,
            f"there is no figure '{gate.metric}'",
            did_you_mean(gate.metric, figures) + f"there are: {', '.join(figures)}",
        )
        for gate in gates
        if gate.metric not in figures
    ]
