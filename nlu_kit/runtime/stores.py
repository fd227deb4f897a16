"""Files and folders in whatever pyarrow can open: paths, and URIs such as ``s3://…``, ``gs://…`` and ``hdfs://…``.

A folder of texts is read with all below it. Names of folders such as ``day=2026-01-31`` (Hive's partitions) are keys of
the rows below. Names that begin with ``.`` or ``_`` are left out, as every tool does that writes such folders.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from pyarrow import fs as stores

from nlu_kit.data.lines import JSONL_SUFFIXES
from nlu_kit.data.tables import SEPARATORS
from nlu_kit.errors import DataError
from nlu_kit.runtime.rows import PARQUET, kind

SUCCESS = "_SUCCESS"
_PART = re.compile(r"\.?part-\d+\.jsonl")
_TEXTS = (".txt", *sorted(JSONL_SUFFIXES), *SEPARATORS, PARQUET)
_NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, slots=True)
class Texts:
    """``files`` by path, each with the keys that its folders' names give; ``left_out``: those whose names say that they
    hold no texts, seen from the folder."""

    store: stores.FileSystem
    files: Mapping[str, Mapping[str, str | None]]
    left_out: Sequence[str] = ()


def located(place: str) -> tuple[stores.FileSystem, str]:
    """The store and the path in it. Raises DataError for a URI that leads nowhere."""
    try:
        store, path = stores.FileSystem.from_uri(place if "://" in place else str(Path(place).absolute()))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{place}: {error}; name a path, or a URI that pyarrow can open, such as s3://bucket/folder"
        ) from None
    return store, str(path)


# --- reading ----------------------------------------------------------------------------------------------------------


def texts_in(source: str, *, jsonl: bool) -> Texts:
    """The file, whatever it is called, or those in the folder and below it, in the order of their names. With
    ``jsonl``, every name will do. Raises DataError where there is none."""
    store, path = located(source)
    try:
        found = store.get_file_info(path)
        if found.is_file:
            return Texts(store, {found.path: {}})
        if found.type == stores.FileType.NotFound:
            raise DataError(f"there is no file {source}")
        inside = store.get_file_info(stores.FileSelector(path, recursive=True))
    except OSError as error:
        raise DataError(f"{source} can't be read: {error}") from None
    seen = {info.path: PurePosixPath(os.path.relpath(info.path, path)) for info in inside if info.is_file}
    shown = {file: below for file, below in sorted(seen.items()) if not any(map(_is_hidden, below.parts))}
    files = {file: _keys(below) for file, below in shown.items() if jsonl or kind(Path(file)) in _TEXTS}
    left_out = [str(below) for file, below in shown.items() if file not in files]
    if not files:
        names = f": {', '.join(left_out[:5])}; name one of them, or say --jsonl" if left_out else ""
        raise DataError(f"no file in {source} ends in {', '.join(_TEXTS)}{names}")
    return Texts(store, files, left_out)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or (name.startswith("_") and "=" not in name)  # _day=… is a partition


def _keys(below: PurePosixPath) -> dict[str, str | None]:
    pairs = [part.split("=", 1) for part in below.parts[:-1] if "=" in part]
    return {unquote(key): None if value == _NULL else unquote(value) for key, value in pairs}


# --- writing ----------------------------------------------------------------------------------------------------------


def check_folders(source: str, output: str, errors: str | None) -> None:
    """Raises DataError where a folder that is to be written has the name of another format, or isn't apart from what is
    read and from the other."""
    folders = {"--output": output, **({"--errors": errors} if errors is not None else {})}
    for option, place in folders.items():
        if place in ("-", "/dev/stdout"):
            raise DataError(f"{option} {place}: --engine ray writes a folder of parts, and not to stdout; name one")
        suffix = PurePosixPath(place).suffix.lower()
        if suffix in {".txt", ".gz", ".json", PARQUET, *SEPARATORS}:
            raise DataError(f"{option} {place}: --engine ray writes a folder of .jsonl files; name it without {suffix}")
        if _overlap(place, source):
            raise DataError(f"{option} {place} is not apart from the input {source}; name another folder")
    if errors is not None and _overlap(output, errors):
        how = "name the same file" if _real(output) == _real(errors) else "lie in each other"
        raise DataError(f"--output and --errors {how}, {output} and {errors}: name another folder")


def _overlap(one: str, other: str) -> bool:
    a, b = _real(one), _real(other)
    return located(one)[0].equals(located(other)[0]) and (a == b or a in b.parents or b in a.parents)


def _real(place: str) -> PurePosixPath:
    """The path in the store, without links where that is this machine's."""
    store, path = located(place)
    return PurePosixPath(Path(os.path.realpath(path)).as_posix() if isinstance(store, stores.LocalFileSystem) else path)


def make_room(places: Sequence[str], *, overwrite: bool) -> None:
    """An empty folder at each place. Raises DataError, with nothing removed, where something is there that may not go:
    only parts of answers ever do."""
    parts = []
    for place in places:
        store, path = located(place)
        found = store.get_file_info(path)
        if found.is_file:
            raise DataError(f"{place} is a file: --engine ray writes a folder of parts; name another")
        if found.type != stores.FileType.Directory:
            continue
        for info in store.get_file_info(stores.FileSelector(path)):
            if not overwrite:
                raise DataError(f"{place} is there already: name another folder, or say --overwrite")
            if not info.is_file or not (info.base_name == SUCCESS or _PART.fullmatch(info.base_name)):
                raise DataError(f"{place} holds {info.base_name}, which is no part of answers: name another folder")
            parts.append((store, info.path))
    for store, path in parts:
        store.delete_file(path)
    for place in places:
        store, path = located(place)
        store.create_dir(path, recursive=True)


def mark(place: str, record: Mapping[str, object]) -> None:
    """Say that all parts are there, and what they are."""
    store, path = located(place)
    with store.open_output_stream(f"{path}/{SUCCESS}") as stream:
        stream.write(json.dumps(record, ensure_ascii=False).encode())
