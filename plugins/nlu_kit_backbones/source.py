"""From a model's name to a local folder that is safe to load: no remote code, no pickled weights."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from nlu_kit.errors import ModelError

_PATTERNS = ["*.json", "*.safetensors", "*.txt", "*.model"]


def local_folder(name: str, base_dir: Path) -> Path:
    """A local folder as it is, or a hub id fetched (safetensors and text files only) into the hub's cache.

    Raises ModelError where there is neither, and for a model that asks to run code of its own.
    """
    folder = base_dir / os.path.expanduser(name)  # noqa: PTH111 - Path.expanduser raises for an unknown user
    if not folder.is_dir():
        if name.startswith((".", "/", "~")) or name.count("/") > 1:
            raise ModelError(f"there is no model folder {folder}")
        folder = _download(name, folder)
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder} holds no config.json: not a Hugging Face model folder")
    read_config(folder / "config.json")  # says so where it is broken
    refuse_remote_code(folder)
    return folder


def _download(name: str, tried: Path) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=_PATTERNS))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"no folder {tried}, and '{name}' can't be fetched from the Hugging Face hub ({reason}); "
            "download it elsewhere and give the path of its folder"
        ) from error


def refuse_remote_code(folder: Path) -> None:
    """Raise ModelError where a configuration below ``folder`` names Python code to run (``auto_map``).

    Files that are no JSON objects (model folders come with all sorts) can't ask for anything.
    """
    for file in sorted(folder.rglob("*config.json")):
        try:
            config = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(config, dict) and "auto_map" in config:
            raise ModelError(
                f"{file} asks to run code of its own (auto_map); nlu-kit never does that. Use a model whose "
                "architecture is part of transformers"
            )


def read_config(file: Path) -> dict[str, Any]:
    """A JSON object of a model folder; raises ModelError where it is broken."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file} can't be read: {error}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{file} is not a JSON object")
    return value
