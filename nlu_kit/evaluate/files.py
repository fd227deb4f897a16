"""Write an evaluation's files, each as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlu_kit.compare.record import write_whole
from nlu_kit.errors import DataError


def prepare_folder(folder: Path) -> None:
    """Before anything is computed. Raises DataError where the folder can't be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"no results can be written in {folder}: {error.strerror}; set --output") from error


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
