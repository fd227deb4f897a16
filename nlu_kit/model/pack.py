"""A model folder in one zip file, for shipping."""

from __future__ import annotations

import zipfile
from pathlib import Path

from nlu_kit.errors import DataError
from nlu_kit.files import replacing
from nlu_kit.model.folder import SavedModel
from nlu_kit.model.manifest import MANIFEST


def check_target(target: Path) -> None:
    """Raises DataError where nothing can be packed there."""
    if target.suffix != ".zip":
        raise DataError(f"a model is packed into a zip file, and '{target}' does not end in .zip")
    if target.exists():
        raise DataError(f"{target} is there already: name another file, or remove it")
    if not target.parent.is_dir():
        raise DataError(f"{target} can't be written: there is no folder {target.parent}")


def pack(saved: SavedModel, target: Path) -> None:
    """Put what the manifest names, and the manifest, into a folder called as ``target`` is, without ``.zip``.

    Nothing is compressed: weights hardly shrink. Raises DataError (see ``check_target``), OSError.
    """
    check_target(target)
    assert saved.files.hashes is not None
    with replacing(target) as temporary, zipfile.ZipFile(temporary, "w") as packed:
        for name in (MANIFEST, *sorted(saved.files.hashes)):
            packed.write(saved.files.folder / name, f"{target.stem}/{name}")
