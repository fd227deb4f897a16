"""The manifest of a model folder: what it does not name is not read.

A folder may have come from anywhere. So a name leads to a regular file below the folder or nowhere, sizes are looked at
before anything is read, and a file's bytes are compared with the manifest after they were read: what was hashed is what
is used, whatever happens on the disk meanwhile.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from math import prod
from pathlib import Path, PurePosixPath
from typing import Any

from nlu_kit.assets import LARGEST, Assets, StoredTensor, json_object, reason
from nlu_kit.errors import ModelError
from nlu_kit.files import JsonError, open_regular, parse_json, read_json, sha256, write_json

MANIFEST = "manifest.json"
MOST_FILES = 10_000
_SHA256 = re.compile("[0-9a-f]{64}")
_MOST_HEADER = 100_000_000  # bytes, as safetensors has it
_BITS = re.compile("(?:BOOL|[A-Z]+([0-9]{1,3}))")


def read_manifest(folder: Path) -> Assets:
    """The files that the folder's manifest names. Raises ModelError where it can't be, or leads out of the folder."""
    file = folder / MANIFEST
    if not _stays_below(file, folder):
        raise ModelError(f"the model in {folder} is damaged: {MANIFEST} is a link out of the folder")
    try:
        manifest = json_object(read_json(file, limit=LARGEST), file)
    except (OSError, JsonError) as error:
        raise ModelError(f"{file} can't be read: {reason(error)}") from error
    hashes = manifest.get("sha256")
    if not isinstance(hashes, dict) or len(hashes) > MOST_FILES:
        raise ModelError(f"{file}: sha256: expected an object with at most {MOST_FILES:,} files and their hashes")
    for name, digest in hashes.items():
        if not _is_inside(name):
            raise ModelError(f"{file}: sha256: '{name}' is no name of a file in this folder")
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise ModelError(f"{file}: sha256.{name}: expected 64 hexadecimal digits, got {str(digest)[:80]!r}")
    return Assets(folder=folder, hashes=hashes)


def write_manifest(folder: Path, *, without: Collection[str] = ()) -> None:
    """Name every file of the folder, but for those ``without``."""
    names = {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*")) if file.is_file()}
    hashes = {name: sha256(file) for name, file in names.items() if name not in {MANIFEST, *without}}
    write_json(folder / MANIFEST, {"sha256": hashes})


def _is_inside(name: str) -> bool:
    """A relative path in POSIX form that goes down only, and is written in the one way there is."""
    path = PurePosixPath(name)
    plain = bool(path.parts) and not path.is_absolute() and ".." not in path.parts and path.as_posix() == name
    return plain and not set(name) & set("\\:\0") and name != MANIFEST


def check_files(assets: Assets, *, needed: tuple[str, ...], later: tuple[str, ...]) -> None:
    """Compare every file with the manifest; those named in ``later`` are only looked for: they are compared when they
    are read. Raises ModelError naming each that is missing, differs, or is no file of this folder."""
    assert assets.hashes is not None
    wrong = [f"{name} is not in the manifest" for name in needed if name not in assets.hashes]
    for name, expected in assets.hashes.items():
        file = assets.folder / name
        if not os.path.lexists(file):
            wrong.append(f"{name} is missing")
        elif not _stays_below(file, assets.folder):
            wrong.append(f"{name} is a link out of the folder")
        else:
            wrong += _differs(file, name, expected, hashed=name not in later)
    if wrong:
        said = "; ".join(wrong[:10]) + (f"; and {len(wrong) - 10} more" if len(wrong) > 10 else "")
        raise ModelError(f"the model in {assets.folder} is damaged: {said}. Restore it from a copy or train again")


def _stays_below(file: Path, folder: Path) -> bool:
    return Path(os.path.realpath(file)).is_relative_to(os.path.realpath(folder))


def _differs(file: Path, name: str, expected: str, *, hashed: bool) -> list[str]:
    try:
        with open_regular(file) as stream:
            size = os.fstat(stream.fileno()).st_size
        if hashed and size > LARGEST:
            return [f"{name} has {size:,} bytes, and {LARGEST:,} are the most"]
        return [f"{name} has changed since it was written"] if hashed and sha256(file) != expected else []
    except OSError as error:
        return [f"{name} can't be read ({reason(error)})"]


def read_header(file: Path) -> dict[str, StoredTensor]:
    """Names, shapes and types of the tensors in a safetensors file; no number is read. Raises ModelError, also where
    the file has not the numbers that it speaks of.

    safetensors' own reader maps the file, so that whoever shortens it at that moment ends the process.
    """
    try:
        with open_regular(file) as stream:
            length = int.from_bytes(stream.read(8), "little")
            room = os.fstat(stream.fileno()).st_size - 8 - length
            if length > _MOST_HEADER or room < 0:
                raise ValueError(f"a header of {length:,} bytes is not possible")
            header = json_object(parse_json(stream.read(length).decode("utf-8")), file)
        header.pop("__metadata__", None)
        if sum(_size(name, entry) for name, entry in header.items()) != room:
            raise ValueError("it is shorter or longer than its header says")
        return {name: StoredTensor(tuple(entry["shape"]), entry["dtype"]) for name, entry in header.items()}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{file} can't be read as weights: {reason(error)}") from error


def _size(name: str, entry: Mapping[str, Any]) -> int:
    """The bytes of a tensor, whose type ends in how many bits a number has, but for booleans. Raises ValueError."""
    shape, bits = entry["shape"], _BITS.match(entry["dtype"])
    begin, end = entry["data_offsets"]
    whole = all(type(number) is int and number >= 0 for number in (*shape, begin, end))
    if not whole or bits is None or 8 * (end - begin) != int(bits[1] or 8) * prod(shape):
        raise ValueError(f"{name}: its type, shape and place do not fit together")
    return int(end - begin)
