"""``nlu-kit init``: a pipeline.json and the starter data, to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from nlu_kit.cli.output import say
from nlu_kit.cli.scaffold import write_starter


@click.command("init")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
def command(directory: Path, force: bool) -> None:
    """Write a pipeline.json, the starter data and a README.md into DIRECTORY.

    \b
    Example:
      nlu-kit init my-bot
    """
    for file in write_starter(directory, force=force):
        say(f"wrote {directory / file}")
    steps = ["nlu-kit train pipeline.json"]
    if directory.resolve() != Path.cwd():
        steps.insert(0, f"cd {_quoted(directory)}")
    say(f"next: {' && '.join(steps)}")


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))
