"""Write an evaluation's files, each as a whole."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nlu_kit.errors import DataError
from nlu_kit.files import write_whole


def prepare_folder(folder: Path, option: str = "--output") -> None:
    """Before anything is computed. Raises DataError where the folder can't be made, or nothing can be written in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = "there is a file in its way" if isinstance(error, FileExistsError) else error.strerror
        raise DataError(f"no results can be written in {folder}: {reason}; set {option}") from error


def prepare_file(file: Path, option: str, *, written: Sequence[Path], read: Sequence[Path]) -> None:
    """The same for one more file. Raises DataError, too, where it is one of those to be ``written`` beside it, or is
    there already and is one of the files or in one of the folders that are ``read``."""
    place = file.resolve()
    over = [other for other in written if place == other.resolve()]
    if file.exists():
        over += [other for other in read if place.is_relative_to(other.resolve())]
    if over:
        raise DataError(f"{option} {file} would overwrite {over[0]}; name another file")
    prepare_folder(file.parent, option)


def write_files(texts: Mapping[Path, str]) -> list[Path]:
    """Each file is replaced in one step. Raises DataError, naming the file, where that can't be done."""
    for file, text in texts.items():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, text)
        except OSError as error:
            raise DataError(f"{file} can't be written: {error.strerror or error}") from error
    return list(texts)


def json_text(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
