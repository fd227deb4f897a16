"""``nlu-kit plugins``: what is installed, and what its parameters mean."""

from __future__ import annotations

import json
from typing import Any

import click

from nlu_kit.cli.lazy import Group
from nlu_kit.cli.options import load_registry
from nlu_kit.config.describe import Parameter, describe_parameters, example
from nlu_kit.errors import PluginError, did_you_mean
from nlu_kit.hookspecs import KINDS
from nlu_kit.registry import Provided, Registry


@click.group("plugins", cls=Group)
def command() -> None:
    """List the installed components and explain their parameters.

    \b
    Example:
      nlu-kit plugins list
    """


@command.command("list", short_help="Every installed component, by kind.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_components(as_json: bool) -> None:
    """Every installed component by kind: summary, distribution and version; * marks the default.

    A plugin that fails to load is listed with its error, and the exit code is 2.

    \b
    Example:
      nlu-kit plugins list
    """
    registry = Registry.load()
    if as_json:
        click.echo(json.dumps(listing(registry), indent=2, ensure_ascii=False))
    else:
        _print(registry)
    if registry.failures:
        names = ", ".join(failure.plugin for failure in registry.failures)
        raise PluginError(f"failed to load: {names}; all that is listed above works without")


@command.command("show", short_help="One component: its parameters, and how to use it.")
@click.argument("kind")
@click.argument("name")
def show(kind: str, name: str) -> None:
    """Explain the component NAME of KIND: its parameters, and how pipeline.json uses it.

    \b
    Example:
      nlu-kit plugins show head ner
    """
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS) + f"kinds: {', '.join(KINDS)}"
        raise PluginError(f"unknown kind '{kind}': {hint}")
    registry = load_registry()
    provided = registry.get(kind, name)
    default = ", the default" if provided.spec.default else ""
    click.echo(f"{click.style(f'{kind} {name}', bold=True)} ({_origin(provided)}{default})")
    click.echo(provided.spec.summary)
    described = describe_parameters(provided)
    click.echo("\nParameters:" if described else "\nNo parameters.")
    for parameter in described:
        _print_parameter(parameter)
    click.echo("\nIn pipeline.json:")
    click.echo(json.dumps(example(provided, registry), indent=2, ensure_ascii=False))


def listing(registry: Registry) -> dict[str, Any]:
    """What ``plugins list --json`` prints: components by kind, and the plugins that failed."""
    components = {
        kind: [
            {
                "name": provided.spec.name,
                "summary": provided.spec.summary,
                "default": provided.spec.default,
                "plugin": provided.plugin,
                "distribution": provided.distribution,
                "version": provided.version,
            }
            for provided in registry.all(kind)
        ]
        for kind in KINDS
    }
    failed = [
        {"plugin": f.plugin, "distribution": f.distribution, "version": f.version, "error": f.error}
        for f in registry.failures
    ]
    return {"components": components, "failed": failed}


def _print(registry: Registry) -> None:
    everything = [provided for kind in KINDS for provided in registry.all(kind)]
    width = max((len(provided.spec.name) for provided in everything), default=0)
    for kind in KINDS:
        click.echo(click.style(kind, bold=True) + ("" if registry.all(kind) else "  (none installed)"))
        for provided in registry.all(kind):
            mark = "*" if provided.spec.default else " "
            click.echo(f"  {mark} {provided.spec.name:<{width}}  {provided.spec.summary}  [{_origin(provided)}]")
    for failure in registry.failures:
        origin = f"{failure.distribution} {failure.version}"
        click.echo(f"{click.style('failed', bold=True)}\n    {failure.plugin}  {failure.error}  [{origin}]")
    click.echo("\n* is the default. Explain one with: nlu-kit plugins show KIND NAME")


def _print_parameter(parameter: Parameter) -> None:
    state = "required" if parameter.required else f"default {json.dumps(parameter.default, ensure_ascii=False)}"
    click.echo(f"  {click.style(parameter.name, bold=True)}: {parameter.type}; {state}")
    if parameter.description:
        click.echo(f"      {parameter.description}")


def _origin(provided: Provided) -> str:
    return f"{provided.distribution} {provided.version}"
