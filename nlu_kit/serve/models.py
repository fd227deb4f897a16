"""The models of a server, by name; each can be replaced while it answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlu_kit.data.prediction import Prediction
from nlu_kit.errors import DataError, did_you_mean
from nlu_kit.memory import give_back
from nlu_kit.model.folder import DESCRIPTION, open_model
from nlu_kit.registry import Registry
from nlu_kit.runtime.predictor import Predictor
from nlu_kit.serve.batching import Batcher
from nlu_kit.serve.copies import Copies, Copy
from nlu_kit.serve.settings import ServeSettings

TRIAL = ("a", "book a table in Paris for two at seven", "")
"""What a model must answer before it takes another's place."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model at work: where it lay when it was loaded, and what its model.json said then."""

    predictor: Predictor
    folder: Path
    description: Mapping[str, Any]

    def describe(self) -> dict[str, Any]:
        """What GET /v1/model says: name, labels, texts to try it with, figures, plugins, hashes."""
        raw = self.description
        scope = self.predictor.scope
        return {
            "name": raw["name"],
            "nlu_kit": raw["nlu_kit"],
            "labels": raw["labels"],
            "examples": raw.get("examples", []),
            "training": {key: raw["training"].get(key) for key in ("dev", "test", "sizes")},
            "providers": raw["providers"],
            "threshold": None if scope is None else scope.settings.threshold,
            "sha256": dict(self.predictor.saved.files.hashes or {}),
        }


class Served:
    """One name's model: loaded, replaced, asked."""

    def __init__(
        self, name: str, path: Path, settings: ServeSettings, *, copies: Copies | None, told: Callable[[int], None]
    ) -> None:
        """Raises ModelError for a model that can't be used."""
        self.name, self.path, self.copies = name, path, copies
        self._copy = None if copies is None else copies.current(name)
        self.current = self._load(self._copy)
        self._reloading = threading.Lock()
        self.batcher = Batcher(
            self._parse,
            size=settings.max_batch,
            wait=settings.max_wait_ms / 1000,
            most=settings.queue,
            batch=told,
        )

    def _load(self, copy: Copy | None) -> Loaded:
        if self.copies is None or copy is None:
            saved = open_model(self.path, Registry.load())
        else:
            saved = self.copies.open(copy)
        predictor = Predictor(saved)
        predictor.parse_many(TRIAL)
        folder = saved.files.folder if copy is None else Path(copy.source)
        return Loaded(predictor, folder, saved.files.json(DESCRIPTION))

    def _parse(self, texts: Sequence[str]) -> list[Prediction]:
        return self.current.predictor.parse_many(texts)

    def reload(self) -> Loaded:
        """Load what is at the path now, and try it; the old one answers meanwhile, and stays where the new is broken.

        Raises ModelError then.
        """
        with self._reloading:
            copy = None if self.copies is None else self.copies.take(self.name, open_model(self.path, Registry.load()))
            try:
                self.current = self._load(copy)
            except BaseException:
                if self.copies is not None and copy is not None:
                    self.copies.drop(copy)
                raise
            if self.copies is not None and copy is not None:
                self._copy = copy
                self.copies.publish(self.name, copy)
            give_back()
            return self.current

    def follow(self) -> None:
        """Load what another process of this server has reloaded, if it has. Raises ModelError where that can't be: it
        is not tried again."""
        with self._reloading:
            copy = None if self.copies is None else self.copies.current(self.name)
            if copy is None or copy == self._copy:
                return
            self._copy = copy
            self.current = self._load(copy)
            give_back()


class Models:
    """All of a server's."""

    def __init__(self, settings: ServeSettings, *, told: Callable[[int], None]) -> None:
        copies = None if settings.shared is None else Copies(Path(settings.shared))
        self.served = {
            name: Served(name, Path(path), settings, copies=copies, told=told) for name, path in settings.models.items()
        }
        self.first = next(iter(self.served))

    def get(self, name: str | None) -> Served:
        """Raises DataError for a name that there is not."""
        found = self.served.get(self.first if name is None else name)
        if found is None:
            hint = did_you_mean(str(name), self.served)
            raise DataError(f"there is no model '{name}': {hint}models: {', '.join(self.served)}")
        return found

    def close(self) -> None:
        for served in self.served.values():
            served.batcher.close()
