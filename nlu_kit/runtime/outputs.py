"""Where answers go: a file that grows beside its name and gets it when it is whole, or a stream such as stdout.

A name says its format: JSON lines, gzipped where it ends in ``.gz``. Nothing that is read is ever written to.
"""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nlu_kit.data.lines import JSONL_SUFFIXES
from nlu_kit.errors import DataError
from nlu_kit.files import overwritten
from nlu_kit.stdout import stdout

STDOUT, _STDERR = Path("/dev/stdout"), Path("/dev/stderr")
_NUMBERS = {STDOUT: 1, _STDERR: 2}
_AGAIN = "begin again with --overwrite"


def named(name: str) -> Path:
    """The path that a user means: ``-`` is stdout, a link is what it leads to."""
    if name == "-":
        return STDOUT
    path = Path(name)
    return path if Output(path).is_stream or not path.is_symlink() else Path(os.path.realpath(path))


@dataclass(frozen=True, slots=True)
class Output:
    """A place for lines. Files end in ``.jsonl`` or its like, with ``.gz`` or without, or have no suffix at all."""

    path: Path

    @property
    def is_stream(self) -> bool:
        """Whether it is written to straight: stdout, a pipe, a device. What a stream got, nothing can go on after."""
        return self.path in _NUMBERS or (self.path.exists() and not self.path.is_file() and not self.path.is_dir())

    @property
    def partial(self) -> Path:
        return self._beside("partial")

    @property
    def progress(self) -> Path:
        return self._beside("progress")

    @property
    def lock(self) -> Path:
        return self._beside("lock")

    @property
    def written(self) -> tuple[Path, ...]:
        """Every file that is made for it."""
        return () if self.is_stream else (self.path, self.partial, self.progress, self.lock)

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{suffix}")

    @property
    def _gzipped(self) -> bool:
        return self.path.suffix.lower() == ".gz" and not self.is_stream

    def packed(self, lines: bytes) -> bytes:
        """The bytes to write for some lines. Gzipped ones can be cut off after any of them, and are the same each
        time."""
        return gzip.compress(lines, compresslevel=6, mtime=0) if self._gzipped and lines else lines

    @contextmanager
    def growing(self, size: int) -> Iterator[IO[bytes]]:
        """What was written whole, to go on after. Raises DataError where that much is not there."""
        if self.is_stream:
            with self._stream() as stream:
                yield stream
            return
        if size and not self.partial.exists():
            raise DataError(f"{self.partial} is gone, which held {size:,} bytes of what was begun: {_AGAIN}")
        try:
            with self.partial.open("r+b" if size else "wb") as stream:
                if stream.seek(0, os.SEEK_END) < size:
                    raise DataError(f"{self.partial} is shorter than what was written to it: {_AGAIN}")
                stream.truncate(size)
                stream.seek(size)
                yield stream
                if self._gzipped and not stream.tell():  # not even an empty file is empty when it is packed
                    stream.write(gzip.compress(b"", mtime=0))
        except BaseException:
            if self.partial.exists() and self.partial.stat().st_size == 0:
                self.partial.unlink()
            raise

    def _stream(self) -> IO[bytes]:
        descriptor = _descriptor(self.path)
        return self.path.open("wb") if descriptor is None else os.fdopen(os.dup(descriptor), "wb")

    def finish(self) -> None:
        """Give the file its name. Raises DataError where it is lost."""
        if self.is_stream:
            return
        if self.partial.exists():
            self.partial.replace(self.path)
        elif not self.path.exists():  # else it has its name already: a kill came between two of them
            raise DataError(f"{self.partial} is gone, which held what was written: {_AGAIN}")


def outputs_of(output: Path, errors: Path | None) -> dict[str, Output]:
    """By the options that name them; that of the answers comes first."""
    return {"--output": Output(output), **({"--errors": Output(errors)} if errors is not None else {})}


def check_outputs(outputs: Mapping[str, Output], source: Path) -> None:
    """Raises DataError where one of the outputs, by the option that names it, can't be written, or would be written
    over ``source`` or over another: by its name, a link, or with the files that lie beside it meanwhile."""
    taken: dict[Path, str] = {}
    for option, output in outputs.items():
        what = f"{option} {output.path}"
        if output.is_stream:
            if is_same_stream(output.path, source):
                raise DataError(f"{what} would write into the input {source}; name another file")
            written: tuple[Path, ...] = (output.path,)
        else:
            _check_name(output.path, what)
            written = output.written
            _check_input(written, what, source)
        for path in written:
            other = taken.setdefault(path if output.is_stream else Path(os.path.realpath(path)), option)
            if other != option:
                raise DataError(f"{other} and {option} name the same file, {path}: name another file")


def _check_name(path: Path, what: str) -> None:
    if path.is_dir():
        raise DataError(f"{what} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise DataError(f"{what}: there is no folder {path.parent}; make it, or name another")
    plain = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    if plain.suffix and plain.suffix.lower() not in JSONL_SUFFIXES:
        stem = plain.with_suffix("")
        raise DataError(f"{what}: what is written is JSON lines; call it {stem}.jsonl, or {stem}.jsonl.gz to gzip it")


def _check_input(written: tuple[Path, ...], what: str, source: Path) -> None:
    for path in written:
        over = overwritten(path, [source])
        if over is not None:
            raise DataError(f"{what} would write over the input {over}; name another file")
    if Path(os.path.realpath(written[0])).is_relative_to(os.path.realpath(source)):
        raise DataError(f"{what} is in the folder that is read, {source}; name a file outside of it")


def _descriptor(place: Path) -> int | None:
    """Of one of the process's own streams; None for any other place."""
    if place not in _NUMBERS:
        return None
    stream = stdout() if place == STDOUT else sys.stderr
    try:
        return _NUMBERS[place] if stream is None else stream.fileno()
    except (OSError, ValueError):  # no file, as under a test runner
        return _NUMBERS[place]


def is_same_stream(place: Path, source: Path) -> bool:
    """Whether what is written to a stream ends up in the file ``source``: reading it would never end."""
    try:
        descriptor = _descriptor(place)
        status = place.stat() if descriptor is None else os.fstat(descriptor)
        return source.is_file() and os.path.samestat(status, source.stat())
    except OSError:
        return False
