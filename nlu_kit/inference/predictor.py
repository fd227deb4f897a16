"""The torch runtime: a model folder in, predictions out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_model as load_weights

from nlu_kit.data.prediction import Prediction
from nlu_kit.errors import ModelError
from nlu_kit.model.build import build_backbone, build_codecs, build_model
from nlu_kit.model.folder import SavedModel, open_model
from nlu_kit.model.predict import predict
from nlu_kit.model.scope import Scope, load_scope
from nlu_kit.registry import Registry


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
    saved = open_model(Path(path), registry if registry is not None else Registry.load())
    return Predictor(saved, device=device, threshold=threshold)


class Predictor:
    """``model(text)`` parses one text, ``model.parse_many(texts)`` many at once."""

    def __init__(self, saved: SavedModel, *, device: str = "cpu", threshold: float | None = None) -> None:
        self.saved = saved
        self.codecs = build_codecs(saved.heads, saved.labels, saved.states)
        self.scope = None
        if saved.detector is not None and saved.scope is not None:
            self.scope = load_scope(saved.detector, saved.scope, saved.labels, saved.folder)
        if threshold is not None:
            self.scope = _at(self.scope, threshold, saved.folder)
        backbone = build_backbone(saved.backbone, base_dir=saved.folder, assets=saved.assets)
        self.model = build_model(backbone, saved.heads, saved.labels)
        try:
            load_weights(self.model, str(saved.weights))
        except (RuntimeError, SafetensorError, OSError) as error:
            raise ModelError(
                f"{saved.weights} does not fit the label counts and layers that {saved.folder} describes: {error}"
            ) from error
        self.model.to(_device(device)).eval()

    def __call__(self, text: str) -> Prediction:
        """Parse one text."""
        return self.parse_many([text])[0]

    def parse_many(self, texts: Iterable[str], *, batch_size: int = 32) -> list[Prediction]:
        """Parse texts, in their order; texts of like length share a batch.

        ``texts`` may be any iterable; what is not str in it raises TypeError, as does a ``batch_size`` that is no whole
        number; one below 1 raises ValueError.
        """
        if isinstance(texts, (str, bytes)) or not isinstance(texts, Iterable):
            raise TypeError(
                f"texts must be a list or another iterable of str, got {type(texts).__name__}; "
                "for one text call the model itself"
            )
        batch_size = _positive("batch_size", batch_size)
        texts = list(texts)
        for text in texts:
            if not isinstance(text, str):
                raise TypeError(f"a text must be a str, got {type(text).__name__}: {text!r}")
        encodings = self.model.backbone.tokenizer.encode(texts)
        return predict(self.model, self.codecs, encodings, batch_size=batch_size, scope=self.scope)


def _positive(name: str, value: int) -> int:
    """``value`` as an int. Raises TypeError where it is no whole number, ValueError where it is below 1."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, got {type(value).__name__}: {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return int(value)


def _at(scope: Scope | None, threshold: float, folder: Path) -> Scope:
    """Raises ModelError where there is no detector, or the threshold is no finite number."""
    if isinstance(threshold, bool) or not isinstance(threshold, Real) or not math.isfinite(threshold):
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
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError, ImportError) as error:  # unknown; not in this build of torch; an add-on's
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"can't predict on the device '{name}': {reason}; use cpu") from error
