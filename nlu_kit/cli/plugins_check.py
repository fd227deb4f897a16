"""``nlu-kit plugins check``: does a component keep its contract?"""

from __future__ import annotations

import contextlib
import io
import json
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click
from pydantic import ValidationError

from nlu_kit.cli.options import load_registry
from nlu_kit.cli.output import say, say_json, style
from nlu_kit.cli.plugins_new import COMMAND
from nlu_kit.errors import PluginError, did_you_mean
from nlu_kit.extras import needs_train
from nlu_kit.plugin.hooks import KINDS
from nlu_kit.registry import ALLOW_VARIABLE, DISABLE_VARIABLE, Provided, ProvidedCommand, Registry

OK, BROKEN, NOT_TRIED = "ok", "broken", "not tried"
ANSWERS_HELP = "answers-help"
ANSWERS_HELP_SAYS = "Called with `--help`, a command prints its help and ends with exit code 0."
_COLOURS = {OK: "green", BROKEN: "red", NOT_TRIED: "yellow"}


@click.command("check", short_help="Try components against every clause of their contracts.")
@click.argument("name")
@click.option("--kind", metavar="KIND", help="Check only components of this kind (or 'command').")
@click.option(
    "--params", metavar="JSON",
    help="Parameters to try the component with, as in pipeline.json. By default, those that its plugin suggests.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def check(context: click.Context, name: str, kind: str | None, params: str | None, as_json: bool) -> None:
    """Check the component called NAME against every clause of its contract. NAME may also be a plugin or a
    distribution: then all of its components are checked.

    The exit code is 1 if a clause is broken. A command must answer --help.

    \b
    Examples:
      nlu-kit plugins check ner
      nlu-kit plugins check nlu-kit-my-sentiment
      nlu-kit plugins check weighted --kind balancing --params '{"weights": {"ner": 2}}'
    """
    needs_train("checking components")
    registry = load_registry()
    resolved = resolve_name(name, kind, registry)
    section = None if params is None else _section(params, resolved)
    counts: Counter[str] = Counter()
    records = []
    for subject, clauses in subjects(resolved, section, registry):
        if not as_json:
            title = style(f"{subject.kind} {subject.name}", bold=True)
            say(f"{title} ({subject.distribution} {subject.version})")
        tried = []
        for one in clauses:
            tried.append(one)
            counts[one.outcome] += 1
            if not as_json:
                say(_line(one))
        records.append(_record(subject, tried))
    if as_json:
        totals = {"ok": counts[OK], "broken": counts[BROKEN], "not_tried": counts[NOT_TRIED]}
        say_json({"checked": records, **totals}, indent=2)
    else:
        figures = ", ".join(f"{counts[outcome]} {outcome}" for outcome in (OK, BROKEN, NOT_TRIED))
        say(f"\nclauses: {figures}")
    context.exit(1 if counts[BROKEN] else 0)


def _section(params: str, resolved: Resolved) -> Mapping[str, Any]:
    """The parameters given. Raises PluginError where they are not for one component, or not what it takes."""
    if len(resolved.components) != 1 or resolved.commands:
        which = [f"{provided.spec.kind} {provided.spec.name}" for provided in resolved.components]
        which += [f"command {provided.name}" for provided in resolved.commands]
        raise PluginError(
            f"--params is for one component, and the name means: {', '.join(which)}; name one of them, with --kind "
            "where several have the same name"
        )
    spec = resolved.components[0].spec
    hint = f"nlu-kit plugins show {spec.kind} {spec.name} explains them"
    try:
        section = json.loads(params)
    except ValueError as error:
        raise PluginError(f"--params is not JSON: {error}; write an object such as '{{\"size\": 3}}'") from error
    if not isinstance(section, dict):
        raise PluginError(f"--params must be a JSON object of parameters, got {params}; {hint}")
    try:
        spec.params.model_validate_json(json.dumps(section), strict=True)
    except ValidationError as error:
        places = [
            f"\n  - {'.'.join(map(str, item['loc'])) or 'the parameters'}: {item['msg']}"
            for item in error.errors(include_url=False)
        ]
        raise PluginError(
            f"--params is not what the {spec.kind} '{spec.name}' takes:{''.join(places)}\n{hint}"
        ) from error
    return section


def _line(tried: Tried) -> str:
    outcome = style(f"{tried.outcome:<9}", fg=_COLOURS[tried.outcome])
    if tried.outcome == BROKEN:
        return f"  {outcome}  {tried.clause}\n{textwrap.indent(tried.found, ' ' * 6)}"
    return f"  {outcome}  {tried.clause}" + (f": {tried.found}" if tried.found else "")


def _record(subject: Subject, tried: list[Tried]) -> dict[str, Any]:
    return {**subject.to_json(), "clauses": [asdict(one) for one in tried]}


# --- what a name means ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a name means, in the order of the kinds."""

    components: Sequence[Provided]
    commands: Sequence[ProvidedCommand]

    def __bool__(self) -> bool:
        return bool(self.components or self.commands)

    def only(self, wanted: Callable[[str, Provided | ProvidedCommand], bool]) -> Resolved:
        """Those of which ``wanted(name, provided)`` is true."""
        return Resolved(
            [provided for provided in self.components if wanted(provided.spec.name, provided)],
            [provided for provided in self.commands if wanted(provided.name, provided)],
        )


def resolve_name(name: str, kind: str | None, registry: Registry) -> Resolved:
    """The components and commands called so; if there are none, those of the plugin, or the distribution.

    ``kind`` leaves the others out. Raises PluginError where nothing is called so, or it failed to load.
    """
    kinds = (*KINDS, COMMAND)
    if kind is not None and kind not in kinds:
        raise PluginError(f"unknown kind '{kind}': {did_you_mean(kind, kinds)}kinds: {', '.join(kinds)}")
    everything = Resolved(
        [provided for each in KINDS if kind in (None, each) for provided in registry.all(each)],
        registry.commands() if kind in (None, COMMAND) else [],
    )
    found = (
        everything.only(lambda own, _: own == name)
        or everything.only(lambda _, provided: provided.plugin == name)
        or everything.only(lambda _, provided: _same_distribution(provided.distribution, name))
    )
    if not found:
        raise PluginError(_unknown(name, kind, everything, registry))
    return found


def _same_distribution(one: str, other: str) -> bool:
    """Whether pip takes the two for the same (PEP 503)."""
    first, second = (re.sub(r"[-_.]+", "-", name).lower() for name in (one, other))
    return first == second


def _unknown(name: str, kind: str | None, everything: Resolved, registry: Registry) -> str:
    for failure in registry.failures:
        if failure.plugin == name or _same_distribution(failure.distribution, name):
            origin = f"'{failure.plugin}' of {failure.distribution} {failure.version}"
            return f"the plugin {origin} failed to load, so that nothing of it can be checked: {failure.error}"
    if name in registry.disabled:
        return f"the plugin '{name}' is switched off by {DISABLE_VARIABLE}; leave it out of that to check it"
    if name in registry.not_allowed:
        return f"the plugin '{name}' is not named in {ALLOW_VARIABLE}, so it is not loaded; add it there to check it"
    provided: list[Provided | ProvidedCommand] = [*everything.components, *everything.commands]
    plugins = sorted({each.plugin for each in provided})
    distributions = sorted({each.distribution for each in provided})
    own = [each.spec.name for each in everything.components] + [each.name for each in everything.commands]
    hint = did_you_mean(name, [*own, *plugins, *distributions])
    nothing = f"no {kind} is called so, nor a plugin or distribution that has one"
    what = nothing if kind else "no component, command, plugin or distribution is called so"
    return (
        f"unknown name '{name}': {what}; {hint}installed plugins: {', '.join(plugins) or 'none'}; distributions: "
        f"{', '.join(distributions) or 'none'}; nlu-kit plugins list shows every component"
    )


# --- trying the clauses -----------------------------------------------------------------------------------------------


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
    resolved: Resolved, params: Mapping[str, Any] | None, registry: Registry
) -> Iterator[tuple[Subject, Iterator[Tried]]]:
    """Each component and command, with its clauses; these are tried as they are asked for."""
    for component in resolved.components:
        yield _subject(component.spec.kind, component.spec.name, component), _component(component, params, registry)
    for command in resolved.commands:
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
