"""A model folder in, predictions out, on whichever runtime. No torch unless it is that one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol

from nlu_kit.arguments import a_path, is_finite, strings, whole_number
from nlu_kit.data.encoding import Encoding, Tokenizer
from nlu_kit.data.prediction import Prediction
from nlu_kit.errors import ModelError, NluKitError
from nlu_kit.extras import needs_train
from nlu_kit.memory import is_short
from nlu_kit.model.codecs import build_codecs
from nlu_kit.model.compute import Computed, predict_with
from nlu_kit.model.detector import Scope, load_scope
from nlu_kit.model.folder import SavedModel, open_model
from nlu_kit.registry import Registry
from nlu_kit.runtime.fork import survive_forks
from nlu_kit.runtime.graph import GRAPH

_TRIAL = "a"  # parsed once when a model is loaded: what does not fit together shows then, and not at a user's text
_AHEAD = 1024  # texts, of which those of like length share a batch

Runtime = Literal["auto", "onnx", "torch"]


class Network(Protocol):
    """What a runtime makes of a model folder."""

    @property
    def tokenizer(self) -> Tokenizer: ...

    @property
    def device(self) -> str: ...

    @property
    def threads(self) -> int: ...

    def peak_memory_mb(self) -> float: ...

    def run(self, batch: Sequence[Encoding]) -> Computed: ...


def load(
    path: str | Path = "runs/latest",
    *,
    device: str = "cpu",
    threshold: float | None = None,
    runtime: Runtime = "auto",
    registry: Registry | None = None,
) -> Predictor:
    """Load a model folder, or the model in a run's folder.

    ``threshold``: the ``out_of_scope_score`` above which a text is out of scope, in place of the model's own.
    ``runtime``: ``onnx`` runs the exported graph without torch, on the CPU; ``auto`` is ``onnx`` where the model has
    a graph and the device is the CPU, else ``torch``. Raises ModelError where there is no model, it is damaged, a
    plugin that built it is missing, the device or the runtime is, or the model has no detector for the threshold.
    """
    saved = open_model(a_path("path", path), registry if registry is not None else Registry.load())
    return Predictor(saved, device=device, threshold=threshold, runtime=runtime)


def load_same(path: Path, hashes: Mapping[str, str] | None, **options: Any) -> Predictor:
    """As ``load``, for a process that helps another, which has loaded the model with these hashes. Raises ModelError
    where it is no longer there."""
    predictor = load(path, **options)
    if predictor.saved.files.hashes != hashes:
        raise ModelError(
            f"the model in {path} is not the one that this began with: put that back, or begin again with --overwrite"
        )
    return predictor


class Predictor:
    """``model(text)`` parses one text, ``model.parse_many(texts)`` many at once."""

    def __init__(
        self, saved: SavedModel, *, device: str = "cpu", threshold: float | None = None, runtime: Runtime = "auto"
    ) -> None:
        survive_forks()
        self.saved = saved
        with _blaming(saved.files.folder):
            self.codecs = build_codecs(saved.heads, saved.labels, saved.states)
            self.scope = None
            if saved.detector is not None and saved.scope is not None:
                self.scope = load_scope(saved.detector, saved.scope, saved.labels, saved.files)
            self.network = _network(saved, device=device, runtime=runtime)
        if threshold is not None:
            self.scope = _at(self.scope, threshold, saved.files.folder)
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
        encodings = self.network.tokenizer.encode(texts)
        return predict_with(self.network.run, self.codecs, encodings, batch_size=batch_size, scope=self.scope)

    def parse_stream(self, texts: Iterable[str], *, batch_size: int = 32) -> Iterator[Prediction]:
        """As ``parse_many``, but each prediction when it is there, for more texts than memory holds. ``texts`` is read
        1,024 ahead."""
        batch_size = whole_number("batch_size", batch_size, least=1)
        if isinstance(texts, (str, bytes)):
            strings("texts", texts)  # raises TypeError, at once and not at the first prediction
        return self._stream(iter(texts), batch_size)

    def _stream(self, texts: Iterator[str], batch_size: int) -> Iterator[Prediction]:
        while window := list(islice(texts, _AHEAD)):
            yield from self.parse_many(window, batch_size=batch_size)


def _network(saved: SavedModel, *, device: str, runtime: Runtime) -> Network:
    """Raises ModelError where the runtime can't run this model here."""
    if runtime not in ("auto", "onnx", "torch"):
        raise ModelError(f"unknown runtime '{runtime}': auto, onnx or torch")
    folder = saved.files.folder
    if runtime == "onnx" and device != "cpu":
        raise ModelError(f"the onnx runtime predicts on the cpu, not on '{device}': use --runtime torch")
    if runtime == "onnx" and GRAPH not in saved.files:
        raise ModelError(f"the model in {folder} has no graph for the onnx runtime: nlu-kit export {folder}")
    if runtime == "onnx" or (runtime == "auto" and device == "cpu" and GRAPH in saved.files and _has_onnxruntime()):
        from nlu_kit.runtime.onnx_runtime import OnnxNetwork

        return OnnxNetwork(saved)
    needs_train(f"the model in {folder}, run by torch,", ("torch", "transformers", "sentence_transformers"))
    from nlu_kit.runtime.torch_runtime import TorchNetwork

    return TorchNetwork(saved, device=device)


def _has_onnxruntime() -> bool:
    return find_spec("onnxruntime") is not None


@contextmanager
def _blaming(folder: Path) -> Iterator[None]:
    """A plugin that can't do with what a folder says raises whatever it likes; that is the folder's fault."""
    try:
        yield
    except (NluKitError, MemoryError):
        raise
    except Exception as error:
        if is_short(error):
            raise MemoryError(str(error)) from error
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
