"""The names of a new plugin: its distribution, package, component and classes, all from one."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec

import click

from nlu_kit.errors import PluginError
from nlu_kit.plugin.hooks import PROJECT
from nlu_kit.registry import Registry

PREFIX = "nlu-kit-"
LONGEST = 32
"""With a longer name the lines of the generated code would no longer fit."""

COMMAND = "command"
"""What a plugin can bring besides the kinds of component."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# A new head fills a field of its own name; these have a meaning already.
_FIELDS = {"text", "truncated", "intent", "intents", "entities", "out_of_scope", "out_of_scope_score"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginName:
    """What ``my-sentiment`` makes: ``nlu-kit-my-sentiment``, ``nlu_kit_my_sentiment``, ``my_sentiment``,
    ``my-sentiment`` and ``MySentiment``."""

    distribution: str
    package: str
    component: str
    command: str
    camel: str


def plugin_name(kind: str, name: str, registry: Registry) -> PluginName:
    """The names for a new plugin of ``kind``. Raises PluginError for one that can't be used, or is taken."""
    short = re.sub(r"[-_.]+", "-", name).lower().removeprefix(PREFIX)
    if not _NAME.fullmatch(short) or len(short) > LONGEST:
        raise PluginError(
            f"'{name}' can't name a plugin: letters, digits and '-' between them, a letter first, at most {LONGEST} "
            "characters; such as my-sentiment"
        )
    component = short.replace("-", "_")
    found = PluginName(
        distribution=PREFIX + short,
        package=f"{PROJECT}_{component}",
        component=component,
        command=short,
        camel="".join(part.capitalize() for part in short.split("-")),
    )
    if why := _reserved(kind, component) or _taken(kind, found, registry):
        raise PluginError(f"'{name}' can't name a new {kind}: {why}; take another name, such as my-{short}")
    return found


def _reserved(kind: str, component: str) -> str:
    """Why Python, or nlu-kit, keeps this name to itself; empty where it does not."""
    if keyword.iskeyword(component):
        return f"'{component}' is a keyword of Python"
    if component in sys.stdlib_module_names:
        return f"'{component}' is a module of Python's standard library"
    if kind == "head" and component in _FIELDS:
        return f"'{component}' is a field that examples and predictions have already"
    return ""


def _taken(kind: str, name: PluginName, registry: Registry) -> str:
    """Who has one of these names already; empty where nobody does."""
    if kind == COMMAND:
        from nlu_kit.cli.main import cli

        if name.command in cli.list_commands(click.Context(cli)):
            return f"there is a command 'nlu-kit {name.command}' already"
    elif (provided := registry.find(kind, name.component)) is not None:
        return f"{provided.distribution} {provided.version} has a {kind} '{name.component}' already"
    for point in entry_points(group=PROJECT):
        if point.name == name.component:
            owner = f" of {point.dist.name} {point.dist.version}" if point.dist else ""
            return f"there is a plugin '{point.name}'{owner} already"
    return f"a package '{name.package}' is installed already" if find_spec(name.package) else ""
