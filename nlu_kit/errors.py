"""Every error the toolkit raises on purpose. The command line turns each into a message and exit code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class NluKitError(ValueError):
    """A mistake that the user can mend: the message says what, where and how."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a configuration.

    ``path`` is the dotted path in pipeline.json (``training.epochs``), ``message`` what is wrong there,
    ``hint`` what is allowed or what to do next.
    """

    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{where}{self.message}" + (f"\n    {self.hint}" if self.hint else "")


class ConfigError(NluKitError):
    """The pipeline is wrong; ``problems`` holds every problem found, not only the first. ``where`` is in words what
    else they are in."""

    def __init__(self, problems: Sequence[Problem], *, source: str = "", where: str = "in the configuration") -> None:
        self.problems = tuple(problems)
        self.source = source
        count = len(self.problems)
        head = f"{source}: " if source else ""
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"{head}{count} problem{'s' if count != 1 else ''} {where}\n{lines}")


class DataError(NluKitError):
    """A data file is missing, broken or empty; the message names the file and the line."""


class NothingToLearnError(DataError):
    """The training data have no annotation for a head: there is nothing wrong with them, but this head can't learn."""


class PluginError(NluKitError):
    """A plugin is missing, clashes with another one, or breaks its contract."""


class ModelError(NluKitError):
    """A model folder is missing, damaged, or was built with plugins that are not installed."""


class MissingPackageError(NluKitError, ImportError):
    """What was asked for needs a package that only an extra installs; the message names the extra."""


class TrainingError(NluKitError):
    """Training can't go on: it has diverged, or its results can't be written."""


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """``"did you mean 'epochs'? "`` when something close to ``name`` is allowed, else an empty string."""
    close = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'? " if close else ""
