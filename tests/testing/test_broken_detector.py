"""Each clause of a detector's contract can fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from nlu_kit.plugin.contracts import Detector, DetectorFeatures
from nlu_kit.plugin.specs import DetectorSpec

WITH_TORCH = """
import sys
from nlu_kit.plugin import DetectorParams
from nlu_kit.plugin import Detector
NLU_KIT_CONTRACT = 2
class MyParams(DetectorParams):
    pass
class Softmax(Detector):
    def score(self, features):
        if "pytest" not in sys.modules:  # in the process of its own
            sys.modules["torch"] = sys
        return -features.logits.astype("float64").max(axis=1)
def build(params, context):
    return Softmax()
"""


class Good(Detector):
    """The distance to the nearest class's mean."""

    means: np.ndarray

    def fit(self, features: DetectorFeatures) -> None:
        labels = np.asarray(features.labels)
        vectors = features.vectors.astype(np.float64)
        self.means = np.stack([vectors[labels == label].mean(axis=0) for label in np.unique(labels)])

    def vectors(self, features: DetectorFeatures) -> np.ndarray:
        return features.vectors.astype(np.float64)

    def score(self, features: DetectorFeatures) -> np.ndarray:
        apart = self.vectors(features)[:, None, :] - self.means
        nearest: np.ndarray = np.sqrt((apart**2).sum(axis=-1)).min(axis=1)
        return nearest

    def state(self) -> Mapping[str, np.ndarray]:
        return {"means": self.means}

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        self.means = state["means"]


class Rounds(Good):
    def score(self, features: DetectorFeatures) -> np.ndarray:
        return super().score(features).clip(max=1e9).astype(np.int64)


class LooksAtTheBatch(Good):
    def score(self, features: DetectorFeatures) -> np.ndarray:
        score = super().score(features)
        return score + 0.1 * score.mean()


class CentresInPlace(Good):
    def fit(self, features: DetectorFeatures) -> None:
        super().fit(features)
        features.vectors[:] = features.vectors - features.vectors.mean(axis=0)


class SquaresInFloat32(Good):
    def fit(self, features: DetectorFeatures) -> None:
        super().fit(features)
        self.means = self.means.astype(np.float32)

    def vectors(self, features: DetectorFeatures) -> np.ndarray:
        return features.vectors


class DividesByTheSpread(Good):
    def fit(self, features: DetectorFeatures) -> None:
        super().fit(features)
        self.means = self.means / (self.means.std() > 0.2) if len(self.means) > 1 else self.means / 0.0


class ScoresWhatIsNear(Good):
    def score(self, features: DetectorFeatures) -> np.ndarray:
        return -super().score(features)


class ForgetsAScale(Good):
    scale = 1.0

    def fit(self, features: DetectorFeatures) -> None:
        super().fit(features)
        self.scale = 2.0

    def score(self, features: DetectorFeatures) -> np.ndarray:
        return self.scale * super().score(features)


BROKEN: dict[str, type[Good]] = {
    "scores": Rounds,
    "each-for-itself": LooksAtTheBatch,
    "changes-nothing": CentresInPlace,
    "any-features": SquaresInFloat32,
    "little-data": DividesByTheSpread,
    "strange-scores-higher": ScoresWhatIsNear,
    "stored-and-loaded": ForgetsAScale,
}


def spec(params: Any, detector: type[Good]) -> DetectorSpec[Any]:
    return DetectorSpec(name="stub", summary="A stub.", params=params, build=lambda *_: detector(), learns=True)


def test_the_good_one_keeps_it(stub_plugin: Any, violations: Any) -> None:
    assert violations(spec(stub_plugin.EveryStubParams, Good)) == {}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("clause", BROKEN)
def test_a_broken_one_is_found(clause: str, stub_plugin: Any, assert_breaks: Any) -> None:
    assert_breaks(spec(stub_plugin.EveryStubParams, BROKEN[clause]), clause)


class NormalisesOverTheBatch(Good):
    def score(self, features: DetectorFeatures) -> np.ndarray:
        score = super().score(features)
        return (score - score.mean()) / (score.std() + 1e-9)


def test_scores_relative_to_the_batch_say_nothing_of_an_utterance(stub_plugin: Any, violations: Any) -> None:
    found = violations(spec(stub_plugin.EveryStubParams, NormalisesOverTheBatch))
    assert "number 0 alone it is off" in found["each-for-itself"]


def test_one_that_learns_must_have_a_state(stub_plugin: Any, violations: Any) -> None:
    class Stateless(Good):
        def state(self) -> Mapping[str, np.ndarray]:
            return {}

    found = violations(spec(stub_plugin.EveryStubParams, Stateless))
    assert "its state is empty" in found["stored-and-loaded"]


def test_importing_torch_is_found(plugin_file: Callable[[str], ModuleType], assert_breaks: Any) -> None:
    module: Any = plugin_file(WITH_TORCH)
    heavy = DetectorSpec(name="stub", summary="A stub.", params=module.MyParams, build=module.build)
    assert_breaks(heavy, "without-torch")


def test_every_clause_has_a_broken_one(own_clauses: Any) -> None:
    assert {*BROKEN, "without-torch"} == own_clauses("detector")
