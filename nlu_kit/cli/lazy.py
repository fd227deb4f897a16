"""A command group that imports a subcommand when it is asked for, and asks plugins for theirs only when it must."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from nlu_kit.cli.output import warn
from nlu_kit.errors import NluKitError, did_you_mean
from nlu_kit.stdout import answers_only

LazyCommand = tuple[str, str, str]
"""(module, attribute, one line of help)"""


class Group(click.Group):
    """A group that answers an unknown command with a suggestion and the list (older click only says no)."""

    trouble = ""
    """Why a command may be missing, said beside "no such command"."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, but for the message."""
        name = args[0]
        if name.startswith("-") or self.get_command(ctx, name) is not None or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        names = self.list_commands(ctx)
        message = f"no such command '{name}'; {did_you_mean(name, names)}commands: {', '.join(names)}"
        raise click.UsageError(f"{message}\n{self.trouble}".strip(), ctx)


class LazyGroup(Group):
    """``lazy`` maps a command's name to where it is; ``--help`` prints the given line and imports nothing."""

    def __init__(self, *args: Any, lazy: Mapping[str, LazyCommand], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = dict(lazy)
        self._asked_plugins = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Our commands in the order of the table, then the plugins' by name."""
        self._ask_plugins()
        return [*self._lazy, *(name for name in sorted(self.commands) if name not in self._lazy)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command; for one of ours no plugin is loaded."""
        if cmd_name in self._lazy and cmd_name not in self.commands:
            module, attribute, _ = self._lazy[cmd_name]
            command = getattr(importlib.import_module(module), attribute)
            assert isinstance(command, click.Command)
            _keep_stdout(command)
            self.commands[cmd_name] = command
        if cmd_name not in self.commands:
            self._ask_plugins()
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands, without importing ours."""
        rows = []
        for name in self.list_commands(ctx):
            if name in self._lazy:
                rows.append((name, self._lazy[name][2]))
            elif not self.commands[name].hidden:
                rows.append((name, self.commands[name].get_short_help_str(limit=80)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)
        if self.trouble:
            warn(f"warning: {self.trouble}")

    def _ask_plugins(self) -> None:
        if self._asked_plugins:
            return
        self._asked_plugins = True  # first, because the registry asks for our names
        from nlu_kit.registry import Registry

        try:
            with answers_only():
                registry = Registry.load()
                registry.add_commands(self)
        except NluKitError as error:  # help must answer all the same
            self.trouble = f"the plugins' commands are missing: {error}"
            return
        if registry.failures:
            failed = "; ".join(f"{f.plugin} of {f.distribution} {f.version}: {f.error}" for f in registry.failures)
            self.trouble = f"these plugins failed to load: {failed}"


def _keep_stdout(command: click.Command) -> None:
    """For the answers of a command of ours, and of those below it."""
    if command.callback is not None:
        command.callback = answers_only()(command.callback)
    if isinstance(command, click.Group):
        for each in command.commands.values():
            _keep_stdout(each)
