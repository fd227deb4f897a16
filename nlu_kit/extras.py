"""What only an extra installs: asked for before it is imported, so that the error says what to install."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from nlu_kit.errors import MissingPackageError

TRAIN = ("torch", "transformers", "sentence_transformers", "accelerate", "onnx", "onnxscript")
"""The packages of the extra ``train`` that nlu-kit imports."""


SERVE = ("fastapi", "uvicorn", "prometheus_client")
"""The packages of the extra ``serve``."""


def needs_serve(what: str) -> None:
    """Raises MissingPackageError where one of them is missing."""
    missing = [name.replace("_", "-") for name in SERVE if find_spec(name) is None]
    if missing:
        raise MissingPackageError(f'{what} needs {", ".join(missing)}: pip install "nlu-kit[serve]"')


def needs_train(what: str, packages: Sequence[str] = TRAIN) -> None:
    """Raises MissingPackageError, saying that ``what`` needs them, where one of the extra's ``packages`` is missing."""
    missing = [name.replace("_", "-") for name in packages if find_spec(name) is None]
    if missing:
        raise MissingPackageError(
            f'{what} needs {", ".join(missing)}, which nlu-kit does not need to predict: pip install "nlu-kit[train]"'
        )
