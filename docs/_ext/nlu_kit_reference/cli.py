"""reference/cli.md: the real `--help` of every command."""

from __future__ import annotations

from collections.abc import Iterator

import click

from nlu_kit.registry import Registry

from .markdown import code, join

PROGRAM = "nlu-kit"
WIDTH = 100

INTRO = """# Command line

What every command prints with `--help`, generated from the commands themselves. The same commands run as
`python -m nlu_kit`, which `torchrun` needs.

| Exit code | Means |
| --- | --- |
| 0 | done |
| 1 | a fault of nlu-kit, of a plugin, or of the disk; with `NLU_KIT_DEBUG=1` the traceback is printed. Or a threshold \
that was not met: `evaluate --fail-under`, `diff --max-regressions`; or a contract: `plugins check` |
| 2 | a mistake that you can mend; the message says what, where and how |
| 130 | interrupted |

`NLU_KIT_DISABLE_PLUGINS=name,…` switches plugins off, by the names of their entry points. Where
`NLU_KIT_ALLOW_PLUGINS=name,…` is set, only these and nlu-kit's own are imported."""


def page(registry: Registry) -> str:
    """The page for the bundled commands."""
    return join([INTRO, *(_section(context) for context in contexts())])


def contexts() -> Iterator[click.Context]:
    """One context per command, groups before their commands."""
    from nlu_kit.cli.main import cli

    yield from _walk(_context(cli, PROGRAM, None))


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    return command.context_class(command, info_name=name, parent=parent, **settings)


def _walk(context: click.Context) -> Iterator[click.Context]:
    yield context
    group = context.command
    if isinstance(group, click.Group):
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if command is not None and not command.hidden:
                yield from _walk(_context(command, name, context))


def _section(context: click.Context) -> str:
    path = context.command_path
    label = path.replace(" ", "-")
    return join([f"(cli-{label})=\n## `{path}`", code(context.command.get_help(context), "text")]).rstrip()
