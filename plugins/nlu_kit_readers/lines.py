"""The lines of a UTF-8 file, one at a time."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from nlu_kit.errors import DataError
from nlu_kit.files import open_regular

LONGEST = 64 << 20  # bytes of a line


def text_lines(path: Path) -> Iterator[str]:
    """Each line without its line break (LF or CRLF); a byte-order mark at the start is dropped.

    Only LF ends a line: characters that ``str.splitlines`` would break at (U+2028, U+0085) belong to the text.
    Raises DataError where the file can't be read, or a line is not UTF-8 or longer than ``LONGEST``.
    """
    try:
        with open_regular(path) as file:
            for number, raw in enumerate(iter(partial(file.readline, LONGEST + 1), b""), start=1):
                if len(raw) > LONGEST:
                    hint = "is this file made of lines?"
                    raise DataError(f"{path}:{number}: the line is longer than {LONGEST >> 20} MB; {hint}")
                yield _decode(raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw, f"{path}:{number}")
    except FileNotFoundError:
        raise DataError(f"{path}: the file does not exist; check the path in the pipeline's data section") from None
    except IsADirectoryError:
        raise DataError(f"{path}: this is a folder, and a file is needed; name a file in it") from None
    except OSError as error:
        raise DataError(f"{path}: the file can't be read: {error.strerror or error}") from error


def _decode(raw: bytes, where: str) -> str:
    try:
        return raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start} of the line; "
            "save the file as UTF-8"
        ) from None
