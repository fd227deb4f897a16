"""The detector of a model: its contract, and what is wrong with a folder that has one."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from nlu_kit.errors import ModelError, PluginError
from nlu_kit.model.description import ScopeSettings
from nlu_kit.model.detector import ARRAYS, Scope, scores
from nlu_kit.model.folder import open_model
from nlu_kit.plugin.contracts import Detector, DetectorFeatures
from nlu_kit.registry import Registry
from nlu_kit.runtime.predictor import load
from nlu_kit.training.run import train

FEATURES = DetectorFeatures(logits=np.zeros((3, 2), dtype=np.float32), vectors=np.zeros((3, 4), dtype=np.float32))


class Fixed(Detector):
    """Says what it is told to say."""

    def __init__(self, said: Any) -> None:
        self.said = said

    def score(self, features: DetectorFeatures) -> np.ndarray:
        return np.asarray(self.said)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory, write_pipeline: Any) -> Any:
    folder = tmp_path_factory.mktemp("taught")
    pipeline = write_pipeline(folder, detector="mahalanobis", training={"epochs": 1})
    return train(pipeline, runs=folder / "runs")


@pytest.fixture
def model(taught: Any, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(taught.model_dir, tmp_path / "copy"))


def in_manifest(model: Path, name: str) -> None:
    """Make the manifest agree with the file as it is, or with its absence."""
    file = model / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    manifest["sha256"].pop(name, None)
    if (model / name).exists():
        manifest["sha256"][name] = hashlib.sha256((model / name).read_bytes()).hexdigest()
    file.write_text(json.dumps(manifest), encoding="utf-8")


def test_above_the_threshold_is_out_of_scope_and_on_it_is_not() -> None:
    scope = Scope(Fixed([0.4, 0.5, 0.6]), ScopeSettings(head="goal", temperature=1.0, threshold=0.5, chosen="by hand"))
    found = scope.fields({"goal": {"logits": FEATURES.logits}, "other": {}}, FEATURES.vectors)
    assert [fields["out_of_scope"] for fields in found] == [False, False, True]
    assert [fields["out_of_scope_score"] for fields in found] == [0.4, 0.5, 0.6]
    assert {type(value) for fields in found for value in fields.values()} == {bool, float}


@pytest.mark.parametrize("said", [[0.1, 0.2], [[0.1], [0.2], [0.3]], [0.1, np.nan, 0.2], [0.1, np.inf, 0.2], 0.5])
def test_a_detector_that_breaks_its_contract(said: Any) -> None:
    with pytest.raises(PluginError, match=r"contract: Fixed\.score\(\) gives .*one finite score for each of the 3"):
        scores(Fixed(said), FEATURES)


def test_a_detector_that_learns_nothing_needs_only_scores() -> None:
    silent = Fixed([1.0, 2.0, 3.0])
    silent.fit(FEATURES)
    silent.load({})
    assert silent.state() == {}


def test_what_it_learnt_is_lost(model: Path) -> None:
    (model / ARRAYS).unlink()
    with pytest.raises(ModelError, match=rf"is damaged: {ARRAYS} is missing"):
        load(model)
    in_manifest(model, ARRAYS)
    with pytest.raises(ModelError, match="the detector 'mahalanobis' can't do without what it has learnt"):
        load(model)


@pytest.mark.parametrize("content", ["other arrays", "no arrays"])
def test_what_it_learnt_is_something_else(model: Path, content: str) -> None:
    if content == "other arrays":
        save_file({"means": load_file(model / ARRAYS)["means"]}, str(model / ARRAYS))
    else:
        (model / ARRAYS).write_bytes(b"nothing of the kind")
    in_manifest(model, ARRAYS)
    with pytest.raises(ModelError, match="is not what the detector 'mahalanobis' has learnt"):
        load(model)


def test_without_the_plugin_that_provides_it(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLU_KIT_DISABLE_PLUGINS", "detectors")
    with pytest.raises(ModelError, match="needs the detector 'mahalanobis', which is not there: pip install nlu-kit=="):
        open_model(model, Registry.load())


def test_a_model_from_before_there_were_detectors_loads(model: Path) -> None:
    for name in ("model.json", "pipeline.json"):
        value = json.loads((model / name).read_text(encoding="utf-8"))
        del value["detector"]
        (model / name).write_text(json.dumps(value), encoding="utf-8")
        in_manifest(model, name)
    assert list(load(model)("play jazz").fields) == ["intent", "intents", "entities"]


def test_it_sees_the_same_whatever_the_batch(taught: Any) -> None:
    model = load(taught.model_dir)
    texts = ["play jazz", "book a table in New York please", "zzz", ""]
    together = [prediction["out_of_scope_score"] for prediction in model.parse_many(texts)]
    assert together == pytest.approx([model(text)["out_of_scope_score"] for text in texts], rel=1e-3)
