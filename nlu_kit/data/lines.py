"""Lines of UTF-8 and the records on them: one way to read texts, for the readers of corpora and for predictions."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from nlu_kit.errors import DataError
from nlu_kit.files import JsonError, open_regular, parse_json

JSONL_SUFFIXES = frozenset({".jsonl", ".jsonlines", ".json-lines", ".ndjson"})
LONGEST = 64 << 20  # bytes of one line; no utterance comes near, and a file without line breaks is no file of texts
_PIECE = 1 << 16  # bytes: what a pipe holds


class Stream(Protocol):
    """What ``arriving`` reads: a binary file, or stdin's ``buffer``."""

    def read1(self, size: int, /) -> bytes: ...


def is_jsonl(path: Path) -> bool:
    """Whether ``path`` is a file whose name says that each line is a JSON object."""
    return path.suffix.lower() in JSONL_SUFFIXES and path.is_file()


def text_lines(path: Path) -> Iterator[str]:
    """Each line of a file, without its line break (LF or CRLF); a byte-order mark at the start is dropped.

    Only LF ends a line: characters that ``str.splitlines`` would break at (U+2028, U+0085) belong to the text.
    Raises DataError where the file can't be read or is no regular one, or a line is not UTF-8 or longer than LONGEST.
    """
    number = 0
    try:
        with open_regular(path) as file:
            for lines in arriving(file, str(path)):
                for raw in lines:
                    number += 1
                    yield decode_line(raw, str(path), number)
    except FileNotFoundError:
        raise DataError(f"{path}: the file does not exist; check the path") from None
    except OSError as error:
        raise DataError(f"{path}: the file can't be read: {error.strerror or error}; name a file of texts") from error


def arriving(stream: Stream, name: str) -> Iterator[list[bytes]]:
    """The lines of a stream, without their LF, in the lists in which they come: whatever is there, at least one, as
    soon as it is there. Raises DataError, with ``name`` and the line's number, for one that is longer than LONGEST."""
    begun: list[bytes] = []
    size = done = 0
    while piece := stream.read1(_PIECE):  # what one read brings: this waits for the first byte only
        ended, feed, rest = piece.rpartition(b"\n")
        if feed:
            lines = b"".join([*begun, ended]).split(b"\n")
            begun, size, done = [], 0, done + len(lines)
            yield lines
        begun.append(rest)
        size += len(rest)
        if size > LONGEST:
            raise DataError(f"{name}:{done + 1}: the line has more than {LONGEST >> 20} MB; write one utterance a line")
    if size:
        yield [b"".join(begun)]


def decode_line(raw: bytes, name: str, number: int) -> str:
    """The text of line ``number`` (from 1) of ``name``. Raises DataError where it is not UTF-8."""
    if number == 1:
        raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        return raw.decode("utf-8").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}:{number}: not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start} of the line; "
            "write the text as UTF-8"
        ) from None


def parse_record(line: str, where: str) -> dict[str, Any]:
    """The JSON object on a line. Raises DataError, which starts with ``where`` (``file:line``), for anything else."""
    try:
        record = parse_json(line)
    except JsonError as error:
        said = str(error).replace(" at line 1, column", " at column")  # the line is in `where`, and another one
        raise DataError(
            f'{where}: {said}; each line must be one JSON object, such as {{"text": "hello", "intent": "greet"}}'
        ) from None
    if not isinstance(record, dict):
        raise DataError(
            f"{where}: expected a JSON object, got {json_type(record)}; "
            'write {"text": "…"} with "intent" and "entities" where you have them'
        )
    return record


def record_text(record: dict[str, Any], where: str) -> str:
    """The utterance of a record, which may be empty. Raises DataError, which starts with ``where``, for one without."""
    if "text" not in record:
        keys = ", ".join(record) or "none"
        raise DataError(f"{where}: the key 'text' is missing (keys here: {keys}); add the utterance as \"text\"")
    text = record["text"]
    if not isinstance(text, str):
        raise DataError(f"{where}: 'text' must be a string, got {json_type(text)}; put the utterance in quotes")
    return text


def json_type(value: object) -> str:
    """What JSON calls the type of ``value``, with its article; Python's name for what JSON lacks."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, (int, float)) else type(value).__name__)


TEXT_SUFFIXES = (".txt", ".txt.gz")


def holds_plain_texts(path: Path) -> bool:
    """Whether it is a text file by its name, or a folder with some: no corpus for a reader."""
    if path.is_dir():
        return any(file.name.endswith(TEXT_SUFFIXES) for file in path.rglob("*"))
    return path.name.endswith(TEXT_SUFFIXES)


def plain_texts(path: Path) -> Iterator[str]:
    """Each line that is not blank of a text file, of one that is gzipped, or of all those in a folder and below, by
    name. Nothing is held in memory but one line. Raises DataError, as ``text_lines`` does, and where a folder has
    none."""
    if not path.is_dir():
        yield from (line for line in (_unzipped(path) if path.suffix == ".gz" else text_lines(path)) if line.strip())
        return
    files = sorted(file for file in path.rglob("*") if file.name.endswith(TEXT_SUFFIXES) and file.is_file())
    if not files:
        raise DataError(f"{path} has no text files; they end in {', '.join(TEXT_SUFFIXES)}")
    for file in files:
        yield from plain_texts(file)


def _unzipped(path: Path) -> Iterator[str]:
    number = 0
    try:
        with open_regular(path) as raw, gzip.open(raw) as file:
            for lines in arriving(file, str(path)):
                for line in lines:
                    number += 1
                    yield decode_line(line, str(path), number)
    except FileNotFoundError:
        raise DataError(f"{path}: the file does not exist; check the path") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: the file can't be read: {error}; name a file of texts") from error
