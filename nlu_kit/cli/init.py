"""``nlu-kit init``: a pipeline.json and the starter data, to begin with."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import click

from nlu_kit.cli.output import say
from nlu_kit.cli.writing import write_together
from nlu_kit.errors import NluKitError


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


README = """# {name}

An nlu-kit project.

- `pipeline.json`: what is trained, and how. `nlu-kit config check` looks for mistakes, `nlu-kit config show` prints it
  with every default, `nlu-kit plugins list` shows what else could stand in it.
- `data/`: the examples, one JSON object a line: `text`, `intent`, and `entities` as `start`, `end` (characters of the
  text) and `label`. The starter data is there to be replaced by yours.

```
nlu-kit train pipeline.json
nlu-kit predict "book a table in Paris"
```
"""


def write_starter(directory: Path, *, force: bool = False) -> list[Path]:
    """Write the starter files into ``directory`` and return their paths, relative to it.

    Raises NluKitError, with nothing written, where a file is in the way (unless ``force``) or can't be written.
    """
    contents = starter_files(directory.resolve().name or "my-bot")
    _check_free(directory, list(contents), force=force)
    write_together(directory, contents)
    return list(contents)


def starter_files(name: str) -> dict[Path, bytes]:
    """Relative path to content; the pipeline and the data come from the package's starter folder."""
    starter = files("nlu_kit") / "starter"
    data = {Path("data") / f"{split}.jsonl": (starter / f"{split}.jsonl") for split in ("train", "dev", "test")}
    return {
        Path("pipeline.json"): (starter / "pipeline.json").read_bytes(),
        **{path: source.read_bytes() for path, source in data.items()},
        Path("README.md"): README.format(name=name).encode(),
    }


def _check_free(directory: Path, paths: list[Path], *, force: bool) -> None:
    """Nothing of ours is there yet; with ``force``, files may be, but no folder in a file's place or the other way."""
    for folder in (directory, directory / "data"):
        if os.path.lexists(folder) and not folder.is_dir():
            raise NluKitError(f"{folder} is in the way: it is not a folder; move it or name another one")
    taken = [directory / path for path in paths if os.path.lexists(directory / path)]
    blocked = [path for path in taken if path.is_dir()] if force else taken
    if blocked:
        hint = "move them" if force else "move them, name another folder, or overwrite them with --force"
        listed = "".join(f"\n  - {path}" for path in blocked)
        raise NluKitError(f"nothing written, because these are in the way:{listed}\n{hint}")
