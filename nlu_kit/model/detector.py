"""Out of scope: a detector with the head that it watches and its threshold, while predicting and in the model folder.

No torch: a runtime without it uses this too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nlu_kit.assets import Assets
from nlu_kit.config.pipeline import Resolved
from nlu_kit.data.labels import LabelSpace
from nlu_kit.data.prediction import OUT_OF_SCOPE, OUT_OF_SCOPE_SCORE
from nlu_kit.errors import ModelError, PluginError
from nlu_kit.model.description import ScopeSettings
from nlu_kit.plugin.contracts import Detector, DetectorContext, DetectorFeatures
from nlu_kit.plugin.specs import DetectorSpec

ARRAYS = "detector.safetensors"
MOST_LEARNT = 4 << 30  # bytes


@dataclass(frozen=True, slots=True)
class Scope:
    """A detector at work."""

    detector: Detector
    settings: ScopeSettings

    def fields(self, outputs: Mapping[str, Mapping[str, np.ndarray]], vectors: np.ndarray) -> list[Mapping[str, Any]]:
        """The two fields of each prediction, from every head's outputs ``[B, …]`` and the sentence vectors [B, D]."""
        features = DetectorFeatures(logits=outputs[self.settings.head]["logits"], vectors=vectors)
        return [
            {OUT_OF_SCOPE: bool(score > self.settings.threshold), OUT_OF_SCOPE_SCORE: float(score)}
            for score in scores(self.detector, features)
        ]

    def at(self, threshold: float) -> Scope:
        """The same detector with another threshold."""
        return Scope(
            self.detector,
            self.settings.model_copy(update={"threshold": threshold, "chosen": "given when it was loaded"}),
        )


def build_detector(detector: Resolved, *, head: str, labels: LabelSpace, temperature: float) -> Detector:
    """A detector that has learnt nothing yet."""
    built: Detector = detector.make(DetectorContext(head=head, labels=labels, temperature=temperature))
    return built


def scores(detector: Detector, features: DetectorFeatures) -> np.ndarray:
    """Float64 [N]. Raises PluginError where the detector gives something else than a finite number each."""
    found = np.asarray(detector.score(features), dtype=np.float64)
    if found.shape != (len(features.logits),) or not np.isfinite(found).all():
        what = f"the shape {found.shape}" if found.shape != (len(features.logits),) else "numbers that are not finite"
        raise PluginError(
            f"contract: {type(detector).__name__}.score() gives {what}; it must give one finite score for each of the "
            f"{len(features.logits)} utterances"
        )
    return found


def save_arrays(folder: Path, scope: Scope) -> None:
    """Write what the detector has learnt, if that is anything."""
    from safetensors.numpy import save_file

    state = {name: np.ascontiguousarray(array) for name, array in scope.detector.state().items()}
    if state:
        save_file(state, str(folder / ARRAYS))


def load_scope(detector: Resolved, settings: ScopeSettings, labels: Mapping[str, LabelSpace], files: Assets) -> Scope:
    """The detector of a saved model. Raises ModelError where what it has learnt can't be read."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    built = build_detector(detector, head=settings.head, labels=labels[settings.head], temperature=settings.temperature)
    spec: DetectorSpec[Any] = detector.provided.spec  # type: ignore[assignment]
    if ARRAYS in files:
        raw = files.read(ARRAYS, limit=MOST_LEARNT)
        try:
            arrays = load(raw)
            broken = [name for name, array in arrays.items() if not np.isfinite(array).all()]
            if broken:
                raise ValueError(f"{', '.join(broken)} holds numbers that are not finite")
            built.load(arrays)
        except (SafetensorError, KeyError, ValueError, TypeError) as error:
            raise ModelError(
                f"{files.folder / ARRAYS} is not what the detector '{detector.type}' has learnt: {error}"
            ) from error
    elif spec.learns:
        raise ModelError(
            f"{files.folder / ARRAYS} is missing: the detector '{detector.type}' can't do without what it has learnt"
        )
    return Scope(built, settings)
