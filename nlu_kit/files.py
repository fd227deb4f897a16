"""Files read and written with care: strict JSON, regular files only, hashes, and writes that are whole or not there.

No torch, no numpy; raises nothing of nlu-kit's own, because what a broken file means is the caller's to say.
"""

from __future__ import annotations

import glob
import hashlib
import json
import math
import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import Any, NoReturn

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_PIECE = 1 << 20  # bytes
_LEFT = 3600.0  # seconds after which nobody writes any more


class JsonError(ValueError):
    """What is wrong with a JSON text, in words; ``column`` where that is known (from 1, in the line that it is in)."""

    def __init__(self, message: str, column: int | None = None) -> None:
        super().__init__(message)
        self.column = column


def parse_json(text: str) -> Any:
    """The value of a JSON text, as the standard has it. Raises JsonError.

    Python's own reader takes more: NaN and Infinity (which no range check refuses), numbers too large for a float,
    half a surrogate pair (which nothing can print), and of two equal keys in one object the last, in silence.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise JsonError(f"not valid JSON: {error.msg} at {where}", error.colno) from None
    except RecursionError:
        raise JsonError("nested too deeply") from None
    except JsonError:
        raise
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start])
        raise JsonError(f"not valid JSON: {half} is half of a surrogate pair, which stands for no character") from None
    except ValueError as error:  # a whole number of thousands of digits
        raise JsonError(f"not valid JSON: {error}") from None
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise JsonError(f"the key '{twice}' occurs twice in one object")
    return found


def _no_number(name: str) -> NoReturn:
    raise JsonError(f"not valid JSON: {name} is not a JSON number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise JsonError(f"not valid JSON: {digits} is too large a number")
    return value


def read_json(file: Path, *, limit: int | None = None) -> Any:
    """The value in a JSON file of at most ``limit`` bytes. Raises OSError where it can't be read or is no regular file,
    JsonError for what is not UTF-8, not JSON or too large."""
    raw = read_regular(file, limit=limit)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise JsonError(f"not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start}") from None
    return parse_json(text)


def open_regular(file: Path) -> BufferedReader:
    """Open a file for reading, without ever waiting for a pipe. Raises OSError, too, for what is no regular file."""
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        if kind != stat.S_IFREG:
            raise OSError(None, f"this is {_KINDS.get(kind, 'something else')}, not a regular file", str(file))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(file: Path, *, limit: int | None = None) -> bytes:
    """The bytes of a regular file. Raises OSError, JsonError for one of more than ``limit`` bytes."""
    with open_regular(file) as stream:
        size = os.fstat(stream.fileno()).st_size
        if limit is not None and size > limit:
            raise JsonError(f"larger than {limit:,} bytes")
        return stream.read() if limit is None else stream.read(size)


def overwritten(place: Path, read: Iterable[Path]) -> Path | None:
    """Which file of ``read``, or in a folder of it, is the one at ``place``: by its name, or by any link. None where
    none is, so that writing there harms nothing that is read."""
    if not place.exists():
        return None
    for path in read:
        for file in path.rglob("*") if path.is_dir() else (path,):
            with suppress(OSError):  # a link that leads nowhere
                if file.samefile(place):
                    return file
    return None


def sha256(file: Path) -> str:
    """SHA-256 of a regular file, in hex; read in pieces. Raises OSError."""
    digest = hashlib.sha256()
    with open_regular(file) as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


@contextmanager
def replacing(place: Path, *, durable: bool = False) -> Iterator[Path]:
    """A path beside ``place`` at which to write a file, a folder or a link; it takes the place once the block ends.

    So a reader never sees half of it, and where the disk is full what was there stays. Raises OSError, and then leaves
    nothing behind. What a process that was killed has left is swept. ``durable``: it is on the disk before it takes the
    place, and the place is before this ends, so that not even a power cut leaves half of it.
    """
    for left in place.parent.glob(f".{glob.escape(place.name)}-*"):
        if left.name.rpartition("-")[2].isdigit() and time.time() - left.lstat().st_mtime > _LEFT:
            _remove(left)
    temporary = place.with_name(f".{place.name}-{os.getpid()}")
    _remove(temporary)
    try:
        yield temporary
        if durable:
            flush(temporary)
        temporary.replace(place)
        if durable:
            _flush_one(place.parent)
    finally:
        _remove(temporary)


def flush(path: Path) -> None:
    """Wait until a file, or a folder with all in it, is on the disk."""
    for inner in path.rglob("*") if path.is_dir() and not path.is_symlink() else ():
        _flush_one(inner)
    _flush_one(path)


def _flush_one(path: Path) -> None:
    if path.is_symlink() or (os.name == "nt" and path.is_dir()):  # Windows opens no folder
        return
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_whole(file: Path, content: str | bytes) -> None:
    """Replace a file in one step; see ``replacing``."""
    with replacing(file) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def write_json(file: Path, value: Any) -> None:
    """``value`` as indented JSON, in one step."""
    write_whole(file, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
