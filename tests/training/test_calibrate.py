"""After training: temperatures, the detector and its threshold, in whole runs with utterances out of scope."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from nlu_kit.config.check import load_pipeline
from nlu_kit.config.components import resolve_component
from nlu_kit.corpus.read import read_corpus
from nlu_kit.data.labels import LabelSpace
from nlu_kit.errors import ConfigError, PluginError
from nlu_kit.heads.codec import CodecContext
from nlu_kit.heads.label import LabelCodec
from nlu_kit.heads.params import LabelParams
from nlu_kit.model import confidence
from nlu_kit.model.compute import Computed
from nlu_kit.model.detector import build_detector, scores
from nlu_kit.model.score import score
from nlu_kit.plugin.contracts import DetectorFeatures
from nlu_kit.plugin.events import RunEnd, RunStart
from nlu_kit.registry import Registry
from nlu_kit.runtime.predictor import load
from nlu_kit.training.calibrate import held_out_scores, least_threshold
from nlu_kit.training.run import train

ODD = [
    "who won?",
    "zzz 42",
    "2 + 2",
    "is it so?",
    "x y z",
    "why not?",
    "%%%",
    "hm hm",
    "q",
    "tell 7 jokes",
    "ok?",
    "#1",
]


def told_by(start: Any) -> list[str]:
    """Its warnings, without their places."""
    return [warning.message for warning in start.warnings]


@pytest.fixture
def data(tmp_path: Path, records: Any, jsonl: Any) -> dict[str, str]:
    """The corpus with utterances out of scope in every split: 4 in train, 6 in dev, 2 in test; one keeps an entity."""
    odd = [{"text": text, "intent": "oos"} for text in ODD]
    odd[0]["entities"] = []  # type: ignore[assignment]
    return {
        "train": str(jsonl(tmp_path / "train.jsonl", [*records, *odd[:4]])),
        "dev": str(jsonl(tmp_path / "dev.jsonl", [*records[::3], *odd[4:10]])),
        "test": str(jsonl(tmp_path / "test.jsonl", [*records[1::3], *odd[10:]])),
    }


@pytest.fixture
def run(tmp_path: Path, write_pipeline: Any, data: dict[str, str]) -> Callable[..., RunEnd]:
    """``run(detector="knn")``: a run of three epochs on that corpus."""

    def go(*callbacks: Any, **sections: Any) -> RunEnd:
        sections = {"data": data, **sections}
        pipeline = write_pipeline(tmp_path, training={"epochs": 3, "schedule": "constant"}, **sections)
        return train(pipeline, runs=tmp_path / "runs", callbacks=callbacks)

    return go


def description(result: RunEnd) -> Any:
    return json.loads((result.model_dir / "model.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("detector", ["max_softmax", "energy", "mahalanobis", "knn"])
def test_the_loaded_model_decides_as_the_run_measured(run: Any, detector: str) -> None:
    result = run(detector=detector)
    model = load(result.model_dir)
    pipeline = load_pipeline(result.run_dir / "pipeline.json")
    examples = read_corpus(pipeline).test
    predictions = model.parse_many([example.text for example in examples])
    assert score(model.codecs, examples, predictions) == pytest.approx(result.test)
    inside = [p for e, p in zip(examples, predictions, strict=True) if not e.out_of_scope]
    outside = [p for e, p in zip(examples, predictions, strict=True) if e.out_of_scope]
    figures = result.confidence["test"]
    assert len(outside) == 2
    assert figures["out_of_scope.recall"] == np.mean([p.out_of_scope for p in outside])
    assert figures["out_of_scope.false_rejection"] == pytest.approx(np.mean([p.out_of_scope for p in inside]))
    assert set(result.confidence["dev"]) == {name for name in figures if name.startswith("out_of_scope.")}
    stored = description(result)
    assert stored["detector"]["head"] == "intent"
    assert all(p.out_of_scope == (p["out_of_scope_score"] > stored["detector"]["threshold"]) for p in predictions)
    assert stored["detector"]["chosen"].startswith("the most right decisions over 19 examples in scope and 10 out of")
    assert stored["training"]["confidence"] == result.confidence
    assert ("detector", detector) in {(entry["kind"], entry["type"]) for entry in stored["providers"]}


def test_what_a_detector_has_learnt_is_in_the_folder_and_its_manifest(run: Any) -> None:
    result = run(detector={"type": "knn", "per_class": 5})
    arrays = load_file(result.model_dir / "detector.safetensors")
    assert {name: array.shape for name, array in arrays.items()} == {"vectors": (15, 32)}
    manifest = json.loads((result.model_dir / "manifest.json").read_text(encoding="utf-8"))
    assert "detector.safetensors" in manifest["sha256"]


def test_calibration_changes_no_label_and_is_stored(run: Any) -> None:
    result = run()
    model = load(result.model_dir)
    temperature = description(result)["states"]["intent"]["temperature"]
    assert model.codecs["intent"].state.temperature == temperature  # type: ignore[attr-defined]
    assert temperature != 1.0
    assert {"intent.ece", "intent.ece_uncalibrated"} <= set(result.confidence["test"])
    assert not set(result.test) & set(result.confidence["test"]), "they stay apart from the heads' figures"


def test_out_of_scope_examples_train_no_intent_and_count_in_no_accuracy(run: Any, listen: Any) -> None:
    listening = listen()
    result = run(listening)
    assert description(result)["labels"]["intent"] == ["book", "play", "wake"]
    (start,), (end,) = listening.of(RunStart), listening.of(RunEnd)
    assert start.out_of_scope == {"train": 4, "dev": 6, "test": 2}
    assert (start.detector, start.watched) == ("mahalanobis", "intent")
    assert not any(re.search(r"\boos\b|scope", warning) for warning in told_by(start))
    assert end.confidence == result.confidence
    log = (result.run_dir / "log.txt").read_text(encoding="utf-8")
    assert "scope     train 4, dev 6, test 2 of these are out of scope" in log
    assert "\ndetector  mahalanobis watches intent\n" in log
    assert "confidence on test  intent.ece_uncalibrated " in log
    card = (result.model_dir / "README.md").read_text(encoding="utf-8")
    assert "## Confidence (percent)" in card
    assert "| out_of_scope.recall |" in card


def test_they_are_a_class_like_any_other_where_none_is_named(run: Any, data: dict[str, str]) -> None:
    result = run(data={**data, "out_of_scope": []})
    assert description(result)["labels"]["intent"] == ["book", "oos", "play", "wake"]
    assert set(result.confidence["dev"]) == {"out_of_scope.in_scope_accuracy", "out_of_scope.false_rejection"}


def test_without_such_examples_a_share_of_dev_is_rejected(run: Any, corpus: Path) -> None:
    splits = {split: str(corpus / f"{split}.jsonl") for split in ("train", "dev", "test")}
    result = run(data=splits, detector={"type": "energy", "false_rejection": 0.25})
    assert description(result)["detector"]["chosen"] == "rejects at most 4 of 19 dev examples in scope"
    assert result.confidence["dev"]["out_of_scope.false_rejection"] == pytest.approx(4 / 19)


BETWEEN = "between what train's examples score with their label learnt and without it"


@pytest.mark.parametrize(
    ("detector", "chosen"),
    [
        ("mahalanobis", f"{BETWEEN}; rejects at most 0 of 19 dev examples in scope"),
        ("knn", f"{BETWEEN}; rejects at most 0 of 19 dev examples in scope"),
        ("energy", "rejects at most 0 of 19 dev examples in scope"),
    ],
)
def test_where_dev_is_small_train_says_how_low_the_threshold_may_be(
    run: Any, corpus: Path, detector: str, chosen: str
) -> None:
    """By a detector that can learn from a part of it; the head can't unlearn the rest."""
    splits = {split: str(corpus / f"{split}.jsonl") for split in ("train", "dev", "test")}
    assert description(run(data=splits, detector=detector))["detector"]["chosen"] == chosen


@pytest.fixture
def build() -> Any:
    """Detectors whose score is the distance to the nearest vector that they have learnt."""
    detector = resolve_component(Registry.load(), "detector", {"type": "knn", "k": 1}, path="detector", where="here")
    return partial(build_detector, detector, head="intent", labels=LabelSpace(("a", "b", "c")), temperature=1.0)


def features(labels: list[int]) -> DetectorFeatures:
    """Vectors of examples of one label are close, and of others far apart."""
    vectors = 10 * np.eye(3, 16, dtype=np.float32)[labels]
    vectors[np.arange(len(labels)), 3 + np.arange(len(labels))] = 1
    return DetectorFeatures(logits=np.zeros((len(labels), 3), np.float32), vectors=vectors, labels=np.array(labels))


def test_each_example_is_scored_by_a_detector_that_did_not_learn_from_its_fold(build: Any) -> None:
    learnt = features([0, 0, 1, 1, 2])
    within = held_out_scores(build, learnt, np.array([0, 1, 0, 1, 0]))
    across = held_out_scores(build, learnt, learnt.labels)
    assert (within[:4] > 0).all()
    assert within[:4].max() < across.min()


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 1, 2, 2], [0, 1, 2], [0, 0, 0, 1]])
def test_the_least_threshold_lies_between_labels_learnt_and_not_learnt(build: Any, labels: list[int]) -> None:
    least = least_threshold(build, features(labels))
    detector = build()
    detector.fit(features(labels))
    assert least is not None
    assert scores(detector, features(labels)).max() < least
    assert least < np.median(held_out_scores(build, features(labels), np.array(labels)))


def test_with_one_label_nothing_says_how_low_it_may_be(build: Any) -> None:
    assert least_threshold(build, features([1, 1, 1])) is None


def test_without_a_detector_nothing_is_said(run: Any, listen: Any) -> None:
    listening = listen()
    result = run(listening, detector=None)
    prediction = load(result.model_dir)("book a table")
    assert list(prediction.fields) == ["intent", "intents", "entities"]
    assert description(result)["detector"] is None
    assert set(result.confidence) == {"test"}
    (start,) = listening.of(RunStart)
    assert "the out-of-scope examples serve nothing: the pipeline has no detector" in told_by(start)
    assert (start.detector, start.watched) == ("", "")


def test_accuracy_can_not_be_tuned_without_such_examples(run: Any, corpus: Path, tmp_path: Path) -> None:
    splits = {split: str(corpus / f"{split}.jsonl") for split in ("train", "dev", "test")}
    with pytest.raises(ConfigError, match=r"detector\.criterion: accuracy is tuned on out-of-scope examples"):
        run(data=splits, detector={"type": "energy", "criterion": "accuracy"})
    assert not (tmp_path / "runs").exists(), "known before anything is written"


def test_a_dev_set_without_intents_leaves_a_detector_that_learns_nothing_to_tune(
    run: Any, listen: Any, data: dict[str, str], records: Any, jsonl: Any, tmp_path: Path
) -> None:
    file = jsonl(tmp_path / "entities.jsonl", [{k: v for k, v in r.items() if k != "intent"} for r in records[::3]])
    listening = listen()
    result = run(listening, data={**data, "dev": str(file)}, detector="energy")
    assert description(result)["detector"] is None
    assert "out_of_scope" not in load(result.model_dir)("book a table").fields
    assert any("no threshold for what is out of scope can be tuned" in w for w in told_by(listening.of(RunStart)[0]))
    given = run(data={**data, "dev": str(file)}, detector={"type": "energy", "threshold": -1.5})
    assert description(given)["detector"]["threshold"] == -1.5
    assert load(given.model_dir)("book a table").out_of_scope in (True, False)
    learnt = run(data={**data, "dev": str(file)}, detector="mahalanobis")  # train says enough
    assert description(learnt)["detector"]["chosen"] == BETWEEN


@pytest.mark.parametrize(
    "state", [{"temperature": value} for value in (np.float32(1), float("nan"), object())] + [{"x": 1}]
)
def test_a_state_that_is_no_json_breaks_the_contract(state: Any) -> None:
    class Stub(LabelCodec[LabelParams]):
        def calibrate(self, outputs: Any, targets: Any) -> Any:
            return state

    codec = Stub(LabelParams(field="mine"), CodecContext(name="mine", labels=LabelSpace(("a",))))
    computed = Computed(outputs={"mine": {}}, vectors=np.zeros(2))
    with pytest.raises(PluginError, match=r"calibrate\(\) of the head 'mine' must give JSON in the shape of its State"):
        confidence.calibrated_states({"mine": codec}, [computed], [{"mine": {}}])


@pytest.mark.parametrize(
    ("part", "note"),
    [
        ("nlu_kit_detectors.vectors.Mahalanobis.fit", "the detector can't be used"),
        ("nlu_kit.training.calibrate.calibrated_states", "confidences are not calibrated"),
    ],
)
def test_what_fails_after_training_is_noted_and_the_model_is_kept(
    run: Any, monkeypatch: pytest.MonkeyPatch, listen: Any, part: str, note: str
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("no luck")

    monkeypatch.setattr(part, fail)
    listening = listen()
    result = run(listening, detector="mahalanobis")
    (end,) = [event for event in listening.events if isinstance(event, RunEnd)]
    (found,) = end.notes
    assert found.startswith(note)
    assert found.endswith("ZeroDivisionError: no luck")
    fields = load(result.model_dir)("play some jazz").fields
    assert fields["intent"].name
    assert ("out_of_scope" in fields) == (note == "confidences are not calibrated")
