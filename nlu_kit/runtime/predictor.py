"""The torch runtime: a model folder in, predictions out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from nlu_kit.arguments import a_path, is_finite, strings, whole_number
from nlu_kit.data.prediction import Prediction
from nlu_kit.errors import ModelError, NluKitError
from nlu_kit.model.build import build_codecs
from nlu_kit.model.detector import Scope, load_scope
from nlu_kit.model.folder import SavedModel, open_model
from nlu_kit.model.nlu_model import predict
from nlu_kit.registry import Registry
from nlu_kit.runtime.fork import survive_forks
from nlu_kit.runtime.restore import restore_model

_TRIAL = "a"  # parsed once when a model is loaded: what does not fit together shows then, and not at a user's text


def load(
    path: str | Path = "runs/latest",
    *,
    device: str = "cpu",
    threshold: float | None = None,
    registry: Registry | None = None,
) -> Predictor:
    """Load a model folder, or the model in a run's folder.

    ``threshold``: the ``out_of_scope_score`` above which a text is out of scope, in place of the model's own. Raises
    ModelError where there is no model, it is damaged, a plugin that built it is missing, the device is, or the model
    has no detector for the threshold.
    """
    saved = open_model(a_path("path", path), registry if registry is not None else Registry.load())
    return Predictor(saved, device=device, threshold=threshold)


class Predictor:
    """``model(text)`` parses one text, ``model.parse_many(texts)`` many at once."""

    def __init__(self, saved: SavedModel, *, device: str = "cpu", threshold: float | None = None) -> None:
        survive_forks()
        self.saved = saved
        target = _device(device)
        with _blaming(saved.files.folder):
            self.codecs = build_codecs(saved.heads, saved.labels, saved.states)
            self.scope = None
            if saved.detector is not None and saved.scope is not None:
                self.scope = load_scope(saved.detector, saved.scope, saved.labels, saved.files)
            self.model = restore_model(saved)
        if threshold is not None:
            self.scope = _at(self.scope, threshold, saved.files.folder)
        self.model.to(target).eval()
        with _blaming(saved.files.folder):
            self.parse_many([_TRIAL])

    def __call__(self, text: str) -> Prediction:
        """Parse one text."""
        if not isinstance(text, str):
            raise TypeError(f"a text must be a str, got {type(text).__name__}: {text!r}; parse_many takes several")
        return self.parse_many([text])[0]

    def parse_many(self, texts: Iterable[str], *, batch_size: int = 32) -> list[Prediction]:
        """Parse texts, in their order; texts of like length share a batch.

        ``texts`` may be any iterable of str; a single str raises TypeError, as whatever is no str in it, and a
        ``batch_size`` that is no whole number; one below 1 raises ValueError.
        """
        batch_size = whole_number("batch_size", batch_size, least=1)
        texts = strings("texts", texts)
        encodings = self.model.backbone.tokenizer.encode(texts)
        return predict(self.model, self.codecs, encodings, batch_size=batch_size, scope=self.scope)


@contextmanager
def _blaming(folder: Path) -> Iterator[None]:
    """A plugin that can't do with what a folder says raises whatever it likes; that is the folder's fault."""
    try:
        yield
    except (NluKitError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise ModelError(
            f"the model in {folder} can't be used: what it says does not fit together ({reason}). Restore it from a "
            "copy or train again"
        ) from error


def _at(scope: Scope | None, threshold: float, folder: Path) -> Scope:
    """Raises ModelError where there is no detector, or the threshold is no finite number."""
    if not is_finite(threshold):
        raise ModelError(f"a threshold must be a finite number, on the scale of out_of_scope_score, got {threshold!r}")
    if scope is None:
        raise ModelError(
            f"the model in {folder} has no detector, so there is nothing that a threshold could decide: leave the "
            "threshold out, or train a model with a detector"
        )
    return scope.at(float(threshold))


def _device(name: str) -> torch.device:
    """Raises ModelError for a device that does not exist, or not here."""
    try:
        device = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError, ImportError, TypeError) as error:  # unknown; not in this build; an add-on's
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"can't predict on the device '{name}': {reason}; use cpu") from error
    if device.type == "meta":  # torch takes it, and computes nothing there
        raise ModelError("can't predict on the device 'meta', where nothing is computed; use cpu")
    return device
