"""``nlu-kit plugins new``: a plugin that works, to begin with."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from nlu_kit.cli.options import load_registry
from nlu_kit.cli.output import say
from nlu_kit.cli.plugin_name import COMMAND, plugin_name
from nlu_kit.cli.plugin_templates import plugin_files
from nlu_kit.cli.writing import write_together
from nlu_kit.errors import NluKitError, PluginError, did_you_mean
from nlu_kit.plugin.hooks import KINDS

NEW = (*KINDS, COMMAND)


@click.command("new", short_help="Write a plugin that works: one component, its tests, all around it.")
@click.argument("kind")
@click.argument("name")
@click.option(
    "--directory", type=click.Path(path_type=Path), metavar="DIR",
    help="The folder to write into, new or empty; when absent, one here that is named like the distribution.",
)  # fmt: skip
def new(kind: str, name: str, directory: Path | None) -> None:
    """Write a distribution with one working component of KIND called NAME (such as my-sentiment), or with one command.

    \b
    Kinds: backbone, head, loss, balancing, sampler, freezing, detector, reader,
    callback, command.

    It comes with tests, type hints, a pipeline.json to try it with, and a workflow that tests it.

    \b
    Example:
      nlu-kit plugins new head my-sentiment
    """
    if kind not in NEW:
        raise PluginError(f"unknown kind '{kind}': {did_you_mean(kind, NEW)}kinds: {', '.join(NEW)}")
    names = plugin_name(kind, name, load_registry())
    folder = Path(names.distribution) if directory is None else directory
    _check_free(folder)
    contents = plugin_files(kind, names)
    write_together(folder, contents)
    for file in contents:
        say(f"wrote {folder / file}")
    steps = ['pip install -e ".[dev]"', "nlu-kit plugins list", "pytest"]
    if folder.resolve() != Path.cwd():
        steps.insert(0, f"cd {shlex.quote(str(folder))}")
    say("next:")
    for step in steps:
        say(f"  {step}")


def _check_free(folder: Path) -> None:
    """Nothing is there yet, or an empty folder."""
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise NluKitError(f"{folder} is in the way: it is not a folder; move it, or name another one with --directory")
    if any(folder.iterdir()):
        raise NluKitError(
            f"nothing written, because the folder {folder} is not empty; move it, or name another with --directory"
        )
