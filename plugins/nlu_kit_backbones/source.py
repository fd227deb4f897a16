"""From a model's name to a local folder that is safe to load: no remote code, no pickled weights."""

from __future__ import annotations

import os
from pathlib import Path

from nlu_kit.plugin import ModelError
from nlu_kit_backbones.guard import MODULES, check_folder

_PATTERNS = ["*.json", "*.safetensors", "*.txt", "*.model"]


def local_folder(name: str, base_dir: Path) -> Path:
    """A local folder as it is, or a hub id fetched (safetensors and text files only) into the hub's cache.

    Raises ModelError where there is neither, and for what ``check_folder`` refuses.
    """
    folder = base_dir / os.path.expanduser(name)  # noqa: PTH111 - Path.expanduser raises for an unknown user
    if not folder.is_dir():
        if name.startswith((".", "/", "~")) or name.count("/") > 1:
            raise ModelError(f"there is no model folder {folder}")
        folder = _download(name, folder)
    if not (folder / "config.json").is_file() and not (folder / MODULES).is_file():
        raise ModelError(f"{folder} holds no config.json: not a Hugging Face model folder")
    check_folder(folder)
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
