"""The copies that a server answers from: one of each model, for all of its processes.

What lies at a model's path may be replaced at any time, half of it at first. A copy is made of a whole model only, and
nobody else writes there: so every process answers with the same model, also one that takes a dead one's place, and they
share the memory that its weights take. A reload makes the next copy, which the others follow.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from nlu_kit.errors import ModelError
from nlu_kit.files import read_json, write_json
from nlu_kit.locking import is_held, only_one
from nlu_kit.model.folder import SavedModel, open_model
from nlu_kit.model.manifest import MANIFEST
from nlu_kit.registry import Registry

_PREFIX, _LOCK, _CURRENT = "nlu-kit-serve-", "lock", "models.json"


@contextmanager
def shared_folder() -> Iterator[Path]:
    """A temporary folder for the processes of one server. What a server that was killed has left is swept."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another user's
            if (left / _LOCK).exists() and not is_held(left / _LOCK):
                shutil.rmtree(left, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as folder,
        only_one(Path(folder) / _LOCK),
    ):
        yield Path(folder)


class Copy(NamedTuple):
    """``name``: its folder below that of the server. ``source``: the model's folder when it was copied."""

    name: str
    source: str


class Copies:
    """``models.json`` names the copy of each model that is answered from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def take(self, name: str, saved: SavedModel) -> Copy:
        """Copy a model. Raises ModelError where a file is not as it was hashed, or there is no room;
        then nothing is left of it."""
        assert saved.files.hashes is not None
        place = Path(tempfile.mkdtemp(prefix="copy-", dir=self.folder))
        copy = Copy(place.name, str(saved.files.folder))
        try:
            saved.files.copy(saved.files.hashes, place)
            write_json(place / MANIFEST, {"sha256": dict(saved.files.hashes)})
        except OSError as error:
            self.drop(copy)
            raise ModelError(
                f"there is no room for a copy of the model '{name}' in {self.folder} ({error.strerror or error}): make "
                "room, or set TMPDIR to another folder"
            ) from error
        except BaseException:
            self.drop(copy)
            raise
        return copy

    def open(self, copy: Copy) -> SavedModel:
        """Raises ModelError where it is gone."""
        saved = open_model(self.folder / copy.name, Registry.load())
        return replace(saved, files=replace(saved.files, private=True))

    def publish(self, name: str, copy: Copy) -> None:
        """Answer from this copy from now on. The one before it stays until the next, for who is just reading it."""
        published = self._published()
        latest = [copy, *published.get(name, [])]
        write_json(self.folder / _CURRENT, {**published, name: latest[:2]})
        for older in latest[2:]:
            self.drop(older)

    def current(self, name: str) -> Copy | None:
        """The copy that is answered from; None where it was swept away with all that lay in the temporary folder."""
        return next(iter(self._published().get(name, [])), None)

    def drop(self, copy: Copy) -> None:
        shutil.rmtree(self.folder / copy.name, ignore_errors=True)

    def _published(self) -> dict[str, list[Copy]]:
        try:
            published = read_json(self.folder / _CURRENT)
        except FileNotFoundError:
            return {}
        return {name: [Copy(*copy) for copy in copies] for name, copies in published.items()}
