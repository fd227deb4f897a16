"""A lock that belongs to a process: the system frees it when the process ends, however it does."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any


class BusyError(Exception):
    """Another process holds the lock; the text names it, as far as it is known."""


@contextmanager
def only_one(file: Path) -> Iterator[None]:
    """Hold the lock ``file`` and remove it afterwards. Raises BusyError where another process holds it, OSError where
    it can't be written. On a file system without locks nothing is held."""
    descriptor = _locked(file)
    try:
        os.ftruncate(descriptor, 0)
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, json.dumps(owner).encode())
        yield
    finally:
        with suppress(OSError):  # Windows removes no file that is open
            file.unlink()
        os.close(descriptor)


def is_held(file: Path) -> bool:
    """Whether a living process holds the lock."""
    if not file.exists():
        return False
    try:
        os.close(_locked(file))
    except BusyError:
        return True
    except OSError:
        return False
    return False


def _locked(file: Path) -> int:
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not _lock(descriptor):
                raise BusyError(_owner(file))
            # Whoever held it before may have removed the file between the two steps above.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), os.stat(file)):  # noqa: PTH116
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        import msvcrt

        try:
            os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # away from what the file says
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import errno
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)  # else this file system has no locks
    return True


def _owner(file: Path) -> str:
    try:
        said: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return f"process {int(said['pid'])} on {said['host']}, since {said['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
