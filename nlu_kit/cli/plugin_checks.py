"""Try every clause on components and commands, one at a time."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nlu_kit.cli.plugin_meant import Meant
from nlu_kit.cli.plugin_name import COMMAND
from nlu_kit.registry import Provided, ProvidedCommand, Registry

OK, BROKEN, NOT_TRIED = "ok", "broken", "not tried"
ANSWERS_HELP = "answers-help"
ANSWERS_HELP_SAYS = "Called with `--help`, a command prints its help and ends with exit code 0."


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of one clause; ``found`` says what is broken, or why it was not tried."""

    clause: str
    says: str
    outcome: str
    found: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is checked."""

    kind: str
    name: str
    plugin: str
    distribution: str
    version: str

    def to_json(self) -> dict[str, Any]:
        """As ``plugins check --json`` prints it."""
        return asdict(self)


def subjects(
    meant: Meant, params: Mapping[str, Any] | None, registry: Registry
) -> Iterator[tuple[Subject, Iterator[Tried]]]:
    """Each component and command, with its clauses; these are tried as they are asked for."""
    for component in meant.components:
        yield _subject(component.spec.kind, component.spec.name, component), _component(component, params, registry)
    for command in meant.commands:
        yield _subject(COMMAND, command.name, command), iter([_command(command)])


def _subject(kind: str, name: str, provided: Provided | ProvidedCommand) -> Subject:
    return Subject(
        kind=kind,
        name=name,
        plugin=provided.plugin,
        distribution=provided.distribution,
        version=provided.version,
    )


def _component(provided: Provided, params: Mapping[str, Any] | None, registry: Registry) -> Iterator[Tried]:
    # Imported late: most kinds' clauses load torch.
    from nlu_kit.testing import ContractViolation, NotTried, contract_checks

    spec = provided.spec
    for check in contract_checks(spec.kind, spec.name, params=params, registry=registry):
        outcome, found = OK, ""
        try:
            with contextlib.redirect_stdout(sys.stderr):  # what a component prints is no part of the result
                check()
        except NotTried as why:
            outcome, found = NOT_TRIED, str(why)
        except ContractViolation as violation:
            outcome, found = BROKEN, str(violation)
        yield Tried(clause=check.clause.name, says=check.clause.says, outcome=outcome, found=found)


def _command(provided: ProvidedCommand) -> Tried:
    """As `nlu-kit NAME --help` calls it."""
    said, code, error = io.StringIO(), 0, ""
    try:
        with contextlib.redirect_stdout(said):
            result = provided.command.main(["--help"], prog_name=f"nlu-kit {provided.name}", standalone_mode=False)
            code = result if isinstance(result, int) else 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as raised:  # noqa: BLE001 - a stranger's command can raise anything
        error = f"it raised {type(raised).__name__}: {raised}"
    if not error and code:
        error = f"the exit code is {code}"
    if not error and not said.getvalue().strip():
        error = "it prints nothing"
    if not error:
        return Tried(clause=ANSWERS_HELP, says=ANSWERS_HELP_SAYS, outcome=OK)
    found = (
        f"the command '{provided.name}' breaks the contract.\n"
        f"  clause {ANSWERS_HELP}: {ANSWERS_HELP_SAYS}\n"
        f"  found: {error}"
    )
    return Tried(clause=ANSWERS_HELP, says=ANSWERS_HELP_SAYS, outcome=BROKEN, found=found)
