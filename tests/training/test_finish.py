"""Ctrl-C after the last epoch: the trained model is saved with what there is by then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from accelerate import Accelerator

from nlu_kit.plugin.events import RunEnd
from nlu_kit.runtime.predictor import load
from nlu_kit.training.run import train

CALIBRATING = "nlu_kit.training.calibrate.calibrated_states"
TEACHING = "nlu_kit_detectors.vectors.Mahalanobis.fit"
TESTING = "nlu_kit.training.validation.Validator.compare"


def interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def saved(result: RunEnd) -> Any:
    return json.loads((result.model_dir / "model.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("part", "missing"),
    [
        (CALIBRATING, "calibrated confidences, its detector and figures on test"),
        (TEACHING, "its detector and figures on test"),
        (TESTING, "figures on test"),
    ],
)
def test_the_model_is_kept(
    part: str, missing: str, listen: Any, write_pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part, interrupt)
    listening = listen()
    result = train(write_pipeline(tmp_path), runs=tmp_path / "runs", callbacks=[listening])
    (end,) = listening.of(RunEnd)
    assert result.reason == end.reason == "interrupted"
    assert end.notes == [f"interrupted after training had ended (finished): the model is saved without {missing}"]
    assert result.test == end.test == saved(result)["training"]["test"] == {}
    assert "test" not in result.confidence
    assert ("temperature" in saved(result)["states"]["intent"]) == (part != CALIBRATING)
    assert (saved(result)["detector"] is not None) == (part == TESTING)
    prediction = load(tmp_path / "runs" / "latest")("play some jazz")
    assert prediction.intent.confidence > 0
    assert ("out_of_scope" in prediction.fields) == (part == TESTING)
    assert not (result.run_dir / "checkpoints").exists()
    log = (result.run_dir / "log.txt").read_text(encoding="utf-8")
    assert f"warning   {end.notes[0]}" in log


def test_only_what_there_would_have_been_is_missed(
    listen: Any, write_pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CALIBRATING, interrupt)
    listening = listen()
    pipeline = write_pipeline(tmp_path, data={"test": None}, detector=None)
    train(pipeline, runs=tmp_path / "runs", callbacks=[listening])
    (end,) = listening.of(RunEnd)
    assert end.notes == [
        "interrupted after training had ended (finished): the model is saved without calibrated confidences"
    ]


def test_of_several_processes_none_goes_on_alone(
    write_pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_one_of_two(*_: Any) -> None:
        monkeypatch.setattr(Accelerator, "num_processes", 2)
        raise KeyboardInterrupt

    monkeypatch.setattr(TEACHING, as_one_of_two)
    with pytest.raises(KeyboardInterrupt):
        train(write_pipeline(tmp_path), runs=tmp_path / "runs")
    assert not list((tmp_path / "runs").glob("*/model"))
