"""A contract is a list of clauses; each is a method that tries a component and says what it found to be broken."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from nlu_kit.errors import ConfigError

PAGE = "docs/reference/contracts.md"

F = TypeVar("F", bound=Callable[..., None])
_MARK = "_nlu_kit_clause"


class ContractViolation(AssertionError):  # noqa: N818 - what it is called in the docs
    """A component breaks a clause; the message says which, what was found, and where to read about it."""


class NotTried(Exception):  # noqa: N818 - no error: the clause does not apply, or can't be tried here
    """Raised by a clause that does not apply to this component, or for which something is missing; says why."""


@dataclass(frozen=True, slots=True)
class Clause:
    """``name`` is its slug, unique within a kind; ``says`` is the sentence that must hold."""

    kind: str
    name: str
    says: str

    @property
    def anchor(self) -> str:
        """Where the page of contracts has it."""
        return f"contract-{self.kind}-{self.name}"


@dataclass(frozen=True, slots=True)
class Check:
    """One clause, ready to be tried on one component. Call it: it returns nothing, or raises ContractViolation (or
    NotTried)."""

    clause: Clause
    component: str
    _try: Callable[[], None]

    def __call__(self) -> None:
        try:
            self._try()
        except (ContractViolation, NotTried):
            raise
        except ConfigError as error:  # of a pipeline that we made up for it
            raise NotTried(f"its parameters don't suit what it is tried with: {error}") from error
        except Exception as error:
            raise self._violation(f"it raised {type(error).__name__}: {error}") from error

    def __str__(self) -> str:
        return f"{self.clause.kind}-{self.component}-{self.clause.name}"

    def _violation(self, found: str) -> ContractViolation:
        return ContractViolation(message(self.clause, self.component, found))


def message(clause: Clause, component: str, found: str) -> str:
    """What is said of a broken clause."""
    return (
        f"the {clause.kind} '{component}' breaks the contract.\n"
        f"  clause {clause.name}: {clause.says}\n"
        f"  found: {found}\n"
        f"  read: {PAGE}#{clause.anchor}"
    )


def clause(method: F) -> F:
    """Marks a method of a Contract as a clause: its name is the slug, its docstring the sentence that must hold."""
    setattr(method, _MARK, True)
    return method


class Contract:
    """Base of each kind's clauses. ``kind`` names it; ``component`` is the name of what is tried."""

    kind: str
    component: str

    @classmethod
    def clauses(cls) -> Sequence[Clause]:
        """Every clause, those of base classes first, in the order in which they are written."""
        return [clause for clause, _ in cls._marked()]

    def checks(self) -> list[Check]:
        """Every clause, to be tried on this component."""
        return [Check(clause, self.component, getattr(self, name)) for clause, name in self._marked()]

    @classmethod
    def _marked(cls) -> list[tuple[Clause, str]]:
        names = dict.fromkeys(name for base in reversed(cls.__mro__) for name in vars(base))
        methods = [(name, getattr(cls, name)) for name in names if getattr(getattr(cls, name), _MARK, False)]
        return [
            (Clause(cls.kind, name.replace("_", "-"), " ".join((inspect.getdoc(method) or "").split())), name)
            for name, method in methods
        ]

    def require(self, holds: Any, found: str) -> None:
        """Raise ContractViolation, for the clause whose method calls this, directly or not, unless it holds."""
        if not holds:
            clauses = {name: clause for clause, name in self._marked()}
            broken = next(clauses[frame.function] for frame in inspect.stack() if frame.function in clauses)
            raise ContractViolation(message(broken, self.component, found))
