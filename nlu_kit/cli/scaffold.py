"""Write the starter project: all of it, or nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path

from nlu_kit.errors import NluKitError

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
    try:
        _write(directory, contents)
    except OSError as error:
        raise NluKitError(f"can't write to {directory}: {error.strerror or error}") from error
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


def _write(directory: Path, contents: dict[Path, bytes]) -> None:
    """Write everything beside its place first, so that a full disk leaves nothing half written; then rename."""
    new = not directory.exists()
    beside = directory.parent if new else directory
    beside.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=".nlu-kit-init-", dir=beside))
    try:
        project = stage / "project"  # mkdtemp's own folder is closed to other users; this one follows the umask
        for path, content in contents.items():
            file = project / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        if new:
            project.rename(directory)
            return
        for path in contents:
            (directory / path).parent.mkdir(exist_ok=True)
            (project / path).replace(directory / path)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
