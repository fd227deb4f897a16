"""``nlu-kit predict``: what is wrong on the command line shows before anything heavy is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.cli.main import main
from nlu_kit.cli.predict import say_answer
from nlu_kit.data.prediction import LabelPrediction, Prediction
from nlu_kit.errors import ModelError, NluKitError

PROGRAM = """
import sys
from nlu_kit.cli.main import main
code = main(sys.argv[1:])
print([name for name in ("torch", "transformers") if name in sys.modules])
sys.exit(code)
"""


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The devices for which a model was asked: the model itself is never loaded."""
    from nlu_kit.runtime import predictor

    devices: list[Any] = []

    def load(*_arguments: Any, device: str, **_options: Any) -> Any:
        devices.append(device)
        raise ModelError("no model here")

    monkeypatch.setattr(predictor, "load", load)
    return devices


def test_a_file_that_is_not_there(
    loaded: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["predict", "--input", "nofile.txt"]) == 2
    assert capsys.readouterr().err == "error: there is no file nofile.txt\n"
    assert loaded == []


@pytest.mark.parametrize("device", ["meta", "nonsense", "cuda:", "cuda:x", "CPU", "cpu:0:1", "xla", ""])
def test_a_device_that_is_none(device: str, loaded: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "hi", "--device", device]) == 2
    assert f"'{device}' is none of cpu, cuda" in capsys.readouterr().err
    assert loaded == []


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:0", "cuda:11", "mps"])
def test_devices(device: str, loaded: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "hi", "--device", device]) == 2
    assert capsys.readouterr().err == "error: no model here\n"
    assert loaded == [device]


@pytest.mark.parametrize("arguments", [["--input", "nofile"], ["hi", "--device", "meta"]])
def test_torch_is_not_loaded_to_say_so(arguments: list[str], tmp_path: Path) -> None:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "predict", *arguments],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "[]\n"), done.stderr


def prediction(confidence: float) -> Prediction:
    return Prediction(text="hé", truncated=False, fields={"intent": LabelPrediction(name="x", confidence=confidence)})


def test_a_line_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    say_answer(prediction(0.5).to_json())
    line = capsys.readouterr().out
    assert "hé" in line
    assert json.loads(line)["intent"]["confidence"] == 0.5


@pytest.mark.parametrize("confidence", [float("nan"), float("inf")])
def test_nan_never_leaves(confidence: float) -> None:
    with pytest.raises(NluKitError, match="the model's weights are not finite"):
        say_answer(prediction(confidence).to_json())


def test_another_threshold(trained: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for threshold, said in (("1e9", "no"), ("-1e9", "yes")):
        assert main(["predict", "play jazz", "--model", str(trained.run_dir), "--threshold", threshold]) == 0
        assert f"  out of scope: {said} (score " in capsys.readouterr().out


@pytest.mark.parametrize("threshold", ["nan", "inf", "-inf", "high"])
def test_a_threshold_that_is_none(threshold: str, loaded: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "hi", "--threshold", threshold]) == 2
    assert "--threshold" in capsys.readouterr().err
    assert loaded == []
