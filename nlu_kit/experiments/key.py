"""What a finished run is known by: a hash of all that went into it. A run whose key is on disk isn't run again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from nlu_kit.config.pipeline import Pipeline, locate
from nlu_kit.files import sha256

_LENGTH = 16  # hexadecimal digits: 64 bits are plenty for a grid


def cell_key(pipeline: Pipeline) -> str:
    """Of the resolved pipeline (the seed is part of it), who provides its components, and the content of its data.

    Where the data is does not matter, so that a folder can be moved. Files that the backbone names are told apart by
    name, size and time only: they are large.
    """
    resolved = pipeline.to_json()
    for split in ("train", "dev", "test"):
        if resolved["data"][split]:
            resolved["data"][split] = content(pipeline.path(resolved["data"][split]).resolve())
    providers = {(c.kind, c.type, c.provided.distribution, c.provided.version) for c in pipeline.components()}
    parts = [resolved, sorted(providers), sorted(_stamps(resolved["backbone"], pipeline.base_dir))]
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


@lru_cache(maxsize=64)
def content(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder; read once per process, since a grid's cells share their data."""
    if not path.is_dir():
        return sha256(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listing = [[file.relative_to(path).as_posix(), sha256(file)] for file in files]
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


def _stamps(section: dict[str, Any], base_dir: Path) -> Iterator[tuple[str, int, int]]:
    for name, value in section.items():
        if name == "type" or not isinstance(value, str) or not value:
            continue
        try:
            path = locate(base_dir, value)
            files = sorted(path.rglob("*")) if path.is_dir() else [path]
            for file in files:
                if file.is_file():
                    stat = file.stat()
                    yield file.name, stat.st_size, stat.st_mtime_ns
        except (OSError, ValueError):  # no path at all: a name too long, a null byte
            continue
