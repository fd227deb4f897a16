"""``nlu-kit export``, and ``--runtime`` where a model predicts."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.cli.main import main
from nlu_kit.files import sha256
from nlu_kit.runtime.graph import GRAPH, GRAPH_INT8

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def model(trained: Any, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained.model_dir, tmp_path / "model"))


def test_a_model_gets_its_graph_and_predicts_with_it(model: Path, tmp_path: Path, capsys: Captured) -> None:
    data = tmp_path / "some.jsonl"
    data.write_text('{"text": "play some jazz", "intent": "play"}\n', encoding="utf-8")
    assert main(["export", str(model), "--data", str(data)]) == 0
    said = capsys.readouterr()
    assert f"wrote {model / GRAPH} (" in said.out
    assert "compared with torch on 6 utterances: the same predictions" in said.out
    assert said.err == ""
    answers = []
    for runtime in ("onnx", "torch", "auto"):
        assert main(["predict", "--model", str(model), "--runtime", runtime, "--json", "play some jazz"]) == 0
        answers.append(json.loads(capsys.readouterr().out)["intent"]["name"])
    assert answers == ["play"] * 3
    assert main(["evaluate", str(data), "-m", str(model), "--runtime", "onnx", "--output", str(tmp_path / "out")]) == 0


def test_it_is_compared_on_the_dev_set_and_without_one_on_built_in_texts(model: Path, capsys: Captured) -> None:
    file, manifest = model / "pipeline.json", model / "manifest.json"
    pipeline, hashes = json.loads(file.read_text(encoding="utf-8")), json.loads(manifest.read_text(encoding="utf-8"))
    count = len(Path(pipeline["data"]["dev"]).read_text(encoding="utf-8").splitlines())
    assert main(["export", str(model)]) == 0
    assert f"compared with torch on {count + 5} utterances" in capsys.readouterr().out
    pipeline["data"]["dev"] = "gone.jsonl"
    file.write_text(json.dumps(pipeline), encoding="utf-8")
    hashes["sha256"]["pipeline.json"] = sha256(file)
    manifest.write_text(json.dumps(hashes), encoding="utf-8")
    assert main(["export", str(model)]) == 0
    said = capsys.readouterr()
    assert "compared with torch on 4 utterances" in said.out
    assert "warning: compared on a few built-in texts only (the dev set of the model's pipeline" in said.err


def test_data_that_are_not_there(model: Path, capsys: Captured) -> None:
    assert main(["export", str(model), "--data", "none.jsonl"]) == 2
    assert "there is no none.jsonl" in capsys.readouterr().err
    assert not (model / GRAPH).exists()


def test_a_packed_model_is_one_again_where_it_is_unpacked(model: Path, tmp_path: Path, capsys: Captured) -> None:
    packed = tmp_path / "bot.zip"
    assert main(["export", str(model), "--to", str(packed)]) == 0
    assert f"packed {packed} (" in capsys.readouterr().out
    shutil.unpack_archive(packed, tmp_path / "elsewhere")
    unpacked = tmp_path / "elsewhere" / "bot"
    files = {file.relative_to(unpacked) for file in unpacked.rglob("*") if file.is_file()}
    assert files == {file.relative_to(model) for file in model.rglob("*") if file.is_file()}
    assert main(["predict", "--model", str(unpacked), "--runtime", "onnx", "play some jazz"]) == 0


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("bot.tar", "does not end in .zip"),
        ("taken.zip", "taken.zip is there already: name another file, or remove it"),
        ("none/bot.zip", "there is no folder "),
    ],
)
def test_where_nothing_can_be_packed(target: str, reason: str, model: Path, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "taken.zip").write_bytes(b"mine")
    assert main(["export", str(model), "--to", str(tmp_path / target)]) == 2
    assert reason in capsys.readouterr().err
    assert not (model / GRAPH).exists(), "it is said before any work"
    assert (tmp_path / "taken.zip").read_bytes() == b"mine"


def test_int8_says_what_it_changes_or_how_it_is_accepted(
    model: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlu_kit.runtime.calibration.LARGE", 1024)  # the encoder's matrices are small
    monkeypatch.setattr("nlu_kit.runtime.quantise.MOST_CHANGED", 0.5)
    assert main(["export", str(model), "--int8"]) == 0
    said = capsys.readouterr().out
    assert re.search(rf"wrote {model / GRAPH_INT8}, which is what predicts now: [\d.]+ times as fast", said)
    assert re.search(r"predictions differ from torch's; intent.accuracy [\d.]+ → [\d.]+, ner.f1 .*; checked on", said)
    monkeypatch.setattr("nlu_kit.runtime.quantise.MOST_CHANGED", -1.0)
    data = json.loads((model / "pipeline.json").read_text(encoding="utf-8"))["data"]["dev"]
    assert main(["export", str(model), "--int8", "--data", data]) == 2
    error = capsys.readouterr().err
    assert "int8 changes " in error
    assert not (model / GRAPH_INT8).exists()
    assert main(["predict", "--model", str(model), "--runtime", "onnx", "play some jazz"]) == 0
    command = error.strip().partition("To accept that: nlu-kit ")[2]
    assert command.startswith(f"export {model} --int8 --data {data} --allow ")
    assert main(shlex.split(command)) == 0
    assert (model / GRAPH_INT8).exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--allow", "0.05"], "--allow goes with --int8"),
        (["--int8", "--allow", "5"], "5.0 is not in the range 0<=x<=1"),
        (["--int8", "--allow", "nan"], "--allow"),
    ],
)
def test_what_cannot_be_allowed(options: list[str], reason: str, model: Path, capsys: Captured) -> None:
    assert main(["export", str(model), *options]) == 2
    assert reason in capsys.readouterr().err
    assert not (model / GRAPH).exists(), "it is said before any work"


def test_a_runtime_that_the_model_lacks(model: Path, capsys: Captured) -> None:
    assert main(["predict", "--model", str(model), "--runtime", "onnx", "hi"]) == 2
    assert f"has no graph for the onnx runtime: nlu-kit export {model}" in capsys.readouterr().err
    assert main(["predict", "--model", str(model), "--runtime", "tensorrt", "hi"]) == 2
    assert "'tensorrt' is not one of 'auto', 'onnx', 'torch'" in capsys.readouterr().err
