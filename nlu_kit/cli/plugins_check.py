"""``nlu-kit plugins check``: does a component keep its contract?"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click
from pydantic import ValidationError

from nlu_kit.cli.options import load_registry
from nlu_kit.cli.output import say, say_json, style
from nlu_kit.cli.plugin_checks import BROKEN, NOT_TRIED, OK, Subject, Tried, subjects
from nlu_kit.cli.plugin_meant import Meant, meant_by
from nlu_kit.errors import PluginError

_COLOURS = {OK: "green", BROKEN: "red", NOT_TRIED: "yellow"}


@click.command("check", short_help="Try components against every clause of their contracts.")
@click.argument("name")
@click.option(
    "--kind", metavar="KIND", help="Only components of this kind (or 'command'), where several have the name."
)
@click.option(
    "--params", metavar="JSON",
    help="Parameters to try the component with, as in pipeline.json; when absent, those that its plugin suggests.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def check(context: click.Context, name: str, kind: str | None, params: str | None, as_json: bool) -> None:
    """Try every clause of their contracts on the components that NAME means: all that are called so or, where none is,
    those of the plugin or distribution of that name.

    The exit code is 0 where no clause is broken, else 1. A command must answer --help.

    \b
    Examples:
      nlu-kit plugins check ner
      nlu-kit plugins check nlu-kit-my-sentiment
      nlu-kit plugins check weighted --kind balancing --params '{"weights": {"ner": 2}}'
    """
    registry = load_registry()
    meant = meant_by(name, kind, registry)
    section = None if params is None else _section(params, meant)
    counts: Counter[str] = Counter()
    records = []
    for subject, clauses in subjects(meant, section, registry):
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


def _section(params: str, meant: Meant) -> Mapping[str, Any]:
    """The parameters given. Raises PluginError where they are not for one component, or not what it takes."""
    if len(meant.components) != 1 or meant.commands:
        which = [f"{provided.spec.kind} {provided.spec.name}" for provided in meant.components]
        which += [f"command {provided.name}" for provided in meant.commands]
        raise PluginError(
            f"--params is for one component, and the name means: {', '.join(which)}; name one of them, with --kind "
            "where several have the same name"
        )
    spec = meant.components[0].spec
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
