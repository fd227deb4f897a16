"""The models of a server, by name; each can be replaced while it answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlu_kit.data.prediction import Prediction
from nlu_kit.errors import DataError, did_you_mean
from nlu_kit.files import read_json, write_json
from nlu_kit.memory import give_back
from nlu_kit.model.folder import DESCRIPTION
from nlu_kit.registry import Registry
from nlu_kit.runtime.predictor import Predictor, load
from nlu_kit.serve.batching import Batcher
from nlu_kit.serve.settings import ServeSettings

TRIAL = ("a", "book a table in Paris for two at seven", "")
"""What a model must answer before it takes another's place."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model at work."""

    predictor: Predictor
    folder: Path

    def describe(self) -> dict[str, Any]:
        """What GET /v1/model says: name, labels, texts to try it with, figures, plugins, hashes."""
        raw = read_json(self.folder / DESCRIPTION)
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

    def __init__(self, name: str, path: Path, settings: ServeSettings, *, told: Callable[[int], None]) -> None:
        """Raises ModelError for a model that can't be used."""
        self.name, self.path = name, path
        self.current = self._load()
        self._reloading = threading.Lock()
        self.batcher = Batcher(
            self._parse,
            size=settings.max_batch,
            wait=settings.max_wait_ms / 1000,
            most=settings.queue,
            batch=told,
        )

    def _load(self) -> Loaded:
        predictor = load(self.path, registry=Registry.load())
        predictor.parse_many(TRIAL)
        return Loaded(predictor, predictor.saved.files.folder)

    def _parse(self, texts: Sequence[str]) -> list[Prediction]:
        return self.current.predictor.parse_many(texts)

    def reload(self) -> Loaded:
        """Load what is at the path now, and try it; the old one answers meanwhile, and stays where the new is broken.

        Raises ModelError then.
        """
        with self._reloading:
            self.current = self._load()
            give_back()
            return self.current


class Models:
    """All of a server's."""

    def __init__(self, settings: ServeSettings, *, told: Callable[[int], None]) -> None:
        self.served = {name: Served(name, Path(path), settings, told=told) for name, path in settings.models.items()}
        self.first = next(iter(self.served))
        self._shared = None if settings.shared is None else Path(settings.shared) / "reloaded.json"
        self._seen = self._said()

    def get(self, name: str | None) -> Served:
        """Raises DataError for a name that there is not."""
        found = self.served.get(self.first if name is None else name)
        if found is None:
            hint = did_you_mean(str(name), self.served)
            raise DataError(f"there is no model '{name}': {hint}models: {', '.join(self.served)}")
        return found

    def say_reloaded(self, name: str) -> None:
        """Tell the server's other workers."""
        if self._shared is not None:
            counts = {**self._said(), name: self._said().get(name, 0) + 1}
            write_json(self._shared, counts)
            self._seen = {**self._seen, name: counts[name]}  # what others have said meanwhile is still to be seen

    def told_to_reload(self) -> list[Served]:
        """The models that another worker has reloaded since this was asked last."""
        said = self._said()
        found = [self.served[name] for name, count in said.items() if count != self._seen.get(name, 0)]
        self._seen = said
        return found

    def _said(self) -> Mapping[str, int]:
        if self._shared is None or not self._shared.is_file():
            return {}
        counts: Mapping[str, int] = read_json(self._shared)
        return counts

    def close(self) -> None:
        for served in self.served.values():
            served.batcher.close()
