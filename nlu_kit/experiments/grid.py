"""The grid: every combination of the values that ``--vary`` names."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlu_kit.errors import ConfigError, Problem

_EXAMPLE = "write --vary path=value,value, for instance --vary sampler=random,weighted"
_PAIRS = {"]": "[", "}": "{"}
SEED = "training.seed"


@dataclass(frozen=True, slots=True)
class Axis:
    """A path of pipeline.json and the values that it takes, each written as for ``--set``."""

    path: str
    values: tuple[str, ...]

    def names(self) -> list[str]:
        """The values for people: in few words, and of a component its type only where that tells them apart."""
        types = [_type(json_value(value)) for value in self.values]
        if None not in types and len(set(types)) == len(types):
            return [str(name) for name in types]
        return [shown(value) for value in self.values]


@dataclass(frozen=True, slots=True)
class Combination:
    """One value for each axis, as (path, value); ``number`` counts from 1; ``label`` is ``freeze_lower · weighted``."""

    number: int
    choices: tuple[tuple[str, str], ...]
    label: str

    @property
    def overrides(self) -> tuple[str, ...]:
        return tuple(f"{path}={value}" for path, value in self.choices)


def parse_axes(arguments: Sequence[str]) -> list[Axis]:
    """The axes of all ``--vary``. Raises ConfigError with every problem found."""
    axes, problems = [], []
    for argument in arguments:
        try:
            axes.append(_parse_axis(argument))
        except ValueError as error:
            problems.append(Problem("--vary", f"can't read '{argument}': {error}", _EXAMPLE))
    problems += _wrong(axes)
    if problems:
        raise ConfigError(problems)
    return axes


def axes_of(vary: Mapping[str, Sequence[Any]]) -> list[Axis]:
    """The axes of ``{"training.batch_size": [16, 32]}``. Raises ConfigError with every problem found."""
    axes = [Axis(path, tuple(_written(value) for value in values)) for path, values in vary.items()]
    problems = _wrong(axes)
    for axis in axes:
        if not axis.values:
            problems.append(Problem("vary", f"'{axis.path}' has no value", "name those that it is to take"))
        elif len(set(axis.values)) < len(axis.values):
            problems.append(Problem("vary", f"a value of '{axis.path}' occurs twice", "leave one out"))
    if problems:
        raise ConfigError(problems)
    return axes


def _written(value: Any) -> str:
    """As for ``--set``: text stays as it is, unless it would be read as something else."""
    return value if isinstance(value, str) and json_value(value) == value else json.dumps(value, ensure_ascii=False)


def _wrong(axes: Sequence[Axis]) -> list[Problem]:
    """What can't be varied, or not twice."""
    problems = []
    for path in {axis.path for axis in axes}:
        if sum(axis.path == path for axis in axes) > 1:
            problems.append(Problem("--vary", f"'{path}' is varied twice", "name all its values at once"))
        if path == SEED:
            problems.append(Problem("--vary", f"'{SEED}' is what the seeds are for", "set how many with --seeds"))
    return problems


def combinations(axes: Sequence[Axis]) -> list[Combination]:
    """All of them; the last axis changes fastest. Without axes, one combination: the pipeline as it is."""
    points = itertools.product(*(zip(axis.values, axis.names(), strict=True) for axis in axes))
    return [
        Combination(
            number=number,
            choices=tuple((axis.path, value) for axis, (value, _) in zip(axes, point, strict=True)),
            label=" · ".join(name for _, name in point),
        )
        for number, point in enumerate(points, start=1)
    ]


def split_values(text: str) -> list[str]:
    """Cut at the commas outside brackets, braces and quotes, so that JSON values survive.

    Raises ValueError where one of these is not closed, or a value is empty.
    """
    values, opened, quoted, escaped = [""], list[str](), False, False
    for character in text:
        if quoted:
            quoted, escaped = escaped or character != '"', character == "\\" and not escaped
        elif character == '"':
            quoted = True
        elif character in "[{":
            opened.append(character)
        elif character in "]}" and (not opened or opened.pop() != _PAIRS[character]):
            raise ValueError(f"'{character}' closes nothing")
        elif character == "," and not opened:
            values.append("")
            continue
        values[-1] += character
    if quoted or opened:
        raise ValueError("a quote is not closed" if quoted else f"'{opened[-1]}' is not closed")
    values = [value.strip() for value in values]
    if not all(values):
        raise ValueError("a value is empty")
    return values


def json_value(text: str) -> Any:
    """A value as ``--set`` reads it: JSON, or text where it is not."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def shown(text: str) -> str:
    """A value in few words: ``{"type": "freeze_lower", "layers": 3}`` is ``freeze_lower (layers=3)``."""
    value = json_value(text)
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return text
    rest = ", ".join(f"{key}={_short(item)}" for key, item in value.items() if key != "type")
    if "type" not in value:
        return rest or text
    return f"{value['type']} ({rest})" if rest else str(value["type"])


def _type(value: Any) -> Any:
    """Of a component or of its bare name; None for what is neither."""
    return value.get("type") if isinstance(value, dict) else value if isinstance(value, str) else None


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shown(text)


def _parse_axis(argument: str) -> Axis:
    path, equals, text = argument.partition("=")
    path = path.strip()
    if not equals:
        raise ValueError("there is no '='")
    if not all(path.split(".")):
        raise ValueError("the path before '=' has an empty part")
    values = split_values(text)
    if len(set(values)) < len(values):
        raise ValueError("a value occurs twice")
    return Axis(path, tuple(values))
