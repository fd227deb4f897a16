"""Heads that read other heads: who comes after whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nlu_kit.errors import ConfigError, Problem, did_you_mean


def reading_order(reads: Mapping[str, Sequence[str]]) -> list[str]:
    """The heads, each after those that it reads, else in the order given. Raises ConfigError where there is none."""
    problems = reading_problems(reads)
    if problems:
        raise ConfigError(problems)
    return _placed(reads)


def reading_problems(reads: Mapping[str, Sequence[str]]) -> list[Problem]:
    """Heads that are read and are not there, or that wait for each other."""
    problems = [
        Problem(
            f"heads.{name}",
            f"reads the predictions of the head '{other}', which the pipeline does not have",
            did_you_mean(other, reads) + f"heads: {', '.join(reads)}",
        )
        for name, others in reads.items()
        for other in others
        if other not in reads
    ]
    if problems:
        return problems
    waiting = [name for name in reads if name not in _placed(reads)]
    if not waiting:
        return []
    said = f"these heads wait for each other's predictions: {', '.join(waiting)}"
    return [Problem(f"heads.{waiting[0]}", said, "let one of them read another head, or none")]


def _placed(reads: Mapping[str, Sequence[str]]) -> list[str]:
    """As many heads as can be put into an order."""
    placed: list[str] = []
    while ready := [name for name in reads if name not in placed and set(reads[name]) <= set(placed)]:
        placed.append(ready[0])
    return placed
