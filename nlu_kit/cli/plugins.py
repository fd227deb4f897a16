"""``nlu-kit plugins``: what is installed, what its parameters mean, whether it keeps its contract, and new ones."""

from __future__ import annotations

import json
from typing import Any

import click

from nlu_kit.cli.lazy import Group
from nlu_kit.cli.options import load_registry
from nlu_kit.cli.output import say, say_json, style
from nlu_kit.cli.plugins_check import check
from nlu_kit.cli.plugins_new import new
from nlu_kit.config.describe import Parameter, describe_parameters, example
from nlu_kit.errors import PluginError, did_you_mean
from nlu_kit.plugin.hooks import KINDS
from nlu_kit.plugin.specs import CONTRACT
from nlu_kit.registry import Provided, ProvidedCommand, Registry


@click.group("plugins", cls=Group)
def command() -> None:
    """List and explain the installed components, check them against their contracts, write new ones.

    NLU_KIT_DISABLE_PLUGINS=name,… switches plugins off; where NLU_KIT_ALLOW_PLUGINS=name,… is set, only these and
    nlu-kit's own are imported.

    \b
    Example:
      nlu-kit plugins list
    """


command.add_command(new)
command.add_command(check)


@command.command("list", short_help="Every installed component, by kind, and the plugins' commands.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_components(as_json: bool) -> None:
    """List every installed component by kind, with its summary, distribution and version, and the commands that plugins
    add to `nlu-kit`. * marks a default.

    A plugin that fails to load is listed with its error, and the exit code is 2.

    \b
    Example:
      nlu-kit plugins list
    """
    registry = Registry.load()
    if as_json:
        say_json(listing(registry), indent=2)
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
    say(f"{style(f'{kind} {name}', bold=True)} ({_origin(provided)}{default})")
    say(provided.spec.summary)
    described = describe_parameters(provided)
    say("\nParameters:" if described else "\nNo parameters.")
    for parameter in described:
        _print_parameter(parameter)
    say("\nIn pretrain.json:" if kind == "objective" else "\nIn pipeline.json:")
    say_json(example(provided, registry), indent=2)


def listing(registry: Registry) -> dict[str, Any]:
    """What ``plugins list --json`` prints: components by kind, the plugins' commands, and the plugins that failed."""
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
    commands = [
        {
            "name": provided.name,
            "summary": _help(provided),
            "plugin": provided.plugin,
            "distribution": provided.distribution,
            "version": provided.version,
        }
        for provided in registry.commands()
    ]
    failed = [
        {"plugin": f.plugin, "distribution": f.distribution, "version": f.version, "error": f.error}
        for f in registry.failures
    ]
    return {"contract": CONTRACT, "components": components, "commands": commands, "failed": failed}


def _print(registry: Registry) -> None:
    everything = [provided for kind in KINDS for provided in registry.all(kind)]
    commands = registry.commands()
    names = [*(provided.spec.name for provided in everything), *(provided.name for provided in commands)]
    width = max(map(len, names), default=0)
    for kind in KINDS:
        say(style(kind, bold=True) + ("" if registry.all(kind) else "  (none installed)"))
        for provided in registry.all(kind):
            mark = "*" if provided.spec.default else " "
            say(f"  {mark} {provided.spec.name:<{width}}  {provided.spec.summary}  [{_origin(provided)}]")
    if commands:
        say(style("command", bold=True))
    for provided_command in commands:
        line = f"{provided_command.name:<{width}}  {_help(provided_command)}"
        say(f"    {line}  [{provided_command.distribution} {provided_command.version}]")
    for failure in registry.failures:
        origin = f"{failure.distribution} {failure.version}"
        say(f"{style('failed', bold=True)}\n    {failure.plugin}  {failure.error}  [{origin}]")
    say(f"\n* is the default; contract {CONTRACT}. Explain one with: nlu-kit plugins show KIND NAME")


def _print_parameter(parameter: Parameter) -> None:
    state = "required" if parameter.required else f"default {json.dumps(parameter.default, ensure_ascii=False)}"
    say(f"  {style(parameter.name, bold=True)}: {parameter.type}; {state}")
    if parameter.description:
        say(f"      {parameter.description}")


def _help(provided: ProvidedCommand) -> str:
    return provided.command.get_short_help_str(limit=80)


def _origin(provided: Provided) -> str:
    return f"{provided.distribution} {provided.version}"
