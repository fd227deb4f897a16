"""Where the public corpora are: benchmarks read them from a folder beside the checkout, never from the package."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "NLU_KIT_BENCHMARK_DATA"
REPOSITORY = Path(__file__).resolve().parent.parent


def corpus_folder(name: str) -> Path:
    """The folder of a corpus (``snips``, ``atis``, …). Exits with a message where it is absent."""
    root = Path(os.environ.get(VARIABLE, REPOSITORY.parent / "shared" / "data"))
    folder = root / name
    if not folder.is_dir():
        raise SystemExit(f"no corpus in {folder}: set {VARIABLE} to the folder that holds '{name}'")
    return folder
