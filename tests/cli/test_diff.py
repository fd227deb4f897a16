"""``nlu-kit diff`` as a user types it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.cli.main import main
from nlu_kit.files import sha256


@pytest.fixture(scope="module")
def beginner(tmp_path_factory: pytest.TempPathFactory, write_pipeline: Any) -> Any:
    """A run of one epoch, which has learnt little."""
    from nlu_kit.training.run import train

    folder = tmp_path_factory.mktemp("beginner")
    return train(write_pipeline(folder, freezing="freeze_backbone"), runs=folder / "runs")


def test_worse_is_told_and_ends_a_build(
    trained: Any, beginner: Any, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, folder = str(corpus / "test.jsonl"), tmp_path / "out"
    models = [str(trained.run_dir), str(beginner.model_dir)]
    assert main(["diff", *models, data, "--output", str(folder), "--max-regressions", "0"]) == 1
    captured = capsys.readouterr()
    assert captured.err == ""
    summary = json.loads((folder / "diff.json").read_text(encoding="utf-8"))
    exact = summary["right"]["exact_match"]
    assert exact["worse"] > 5
    assert exact["better"] + exact["worse"] + exact["both_right"] + exact["both_wrong"] == exact["annotated"] == 19
    figure = summary["figures"]["exact_match"]
    assert figure["first"] == pytest.approx(trained.test["exact_match"])
    assert figure["second"] == pytest.approx(beginner.test["exact_match"])
    assert figure["test"]["high"] < 0
    assert figure["test"]["p"] > 0.99
    assert summary["models"] == models
    assert summary["changes"][0]["change"] == "worse"
    assert captured.out.splitlines()[:3] == [
        f"A {models[0]}",
        f"B {models[1]}",
        f"on 19 utterances of {data}, in percent",
    ]
    entirely = summary["right"]["entirely_right"]
    assert summary["gate"]["regressions"] == entirely["worse"] > 5
    assert f"failed: {entirely['worse']} utterances got worse, at most 0 may" in captured.out
    assert "Worse (" in (folder / "diff.html").read_text(encoding="utf-8")

    back = ["diff", models[1], models[0], data, "--output", str(folder), "--max-regressions", str(entirely["better"])]
    assert main(back) == 0
    assert json.loads((folder / "diff.json").read_text(encoding="utf-8"))["gate"]["passed"]


def test_a_model_is_no_better_than_itself(
    trained: Any, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(trained.run_dir), str(trained.run_dir), str(corpus / "test.jsonl"), "--max-regressions", "0"]
    assert main(["diff", *arguments, "--output", str(tmp_path / "out")]) == 0
    summary = json.loads((tmp_path / "out" / "diff.json").read_text(encoding="utf-8"))
    assert summary["changes"] == []
    assert all(row["p"] == 1 for row in summary["right"].values())
    assert summary["figures"]["ner.f1"]["test"]["difference"] == 0
    assert "passed: 0 utterances got worse" in capsys.readouterr().out


def test_what_one_model_calls_out_of_scope_is_so_for_both(
    trained: Any, tmp_path: Path, jsonl: Any, records: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    other = _with_scope(trained.model_dir, tmp_path / "other", ["play"])
    data = str(jsonl(tmp_path / "data.jsonl", [*records[::3], {"text": "why", "intent": "oos"}]))
    outside = sum(record["intent"] == "play" for record in records[::3]) + 1
    for models in ([str(trained.model_dir), str(other)], [str(other), str(trained.model_dir)]):
        assert main(["diff", *models, data, "--output", str(tmp_path / "out")]) == 0
        summary = json.loads((tmp_path / "out" / "diff.json").read_text(encoding="utf-8"))
        assert summary["right"]["intent"]["annotated"] == len(records[::3]) + 1 - outside
        assert "oos, out_of_scope for" in capsys.readouterr().out
        assert any("play for" in note for note in summary["notes"])


def _with_scope(model: Path, folder: Path, intents: list[str]) -> Path:
    """A copy of a model whose pipeline calls other intents out of scope."""
    shutil.copytree(model, folder)
    file, manifest = folder / "pipeline.json", folder / "manifest.json"
    pipeline = json.loads(file.read_text(encoding="utf-8"))
    pipeline["data"]["out_of_scope"] = intents
    file.write_text(json.dumps(pipeline), encoding="utf-8")
    hashes = json.loads(manifest.read_text(encoding="utf-8"))
    hashes["sha256"]["pipeline.json"] = sha256(file)
    manifest.write_text(json.dumps(hashes), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a", "b"], "Missing argument 'DATA'"),
        (["a", "b", "c"], "there is no a"),
        (["a", "b", "c", "--max-regressions", "-1"], "x>=0"),
    ],
)
def test_mistakes(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["diff", *arguments]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "diff").exists()


def test_no_model_or_no_data(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    model = str(trained.model_dir)
    assert main(["diff", model, "gone", "data.jsonl"]) == 2
    assert "there is no gone" in capsys.readouterr().err
    assert main(["diff", model, model, "data.jsonl"]) == 2
    assert "there is no data.jsonl" in capsys.readouterr().err


def test_data_are_not_overwritten(
    trained: Any, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "diff.json"
    data.write_bytes((corpus / "test.jsonl").read_bytes())
    model = str(trained.model_dir)
    assert main(["diff", model, model, str(data), "--reader", "jsonl", "--output", str(tmp_path)]) == 2
    assert f"{data} would overwrite {data}, which is read; set --output" in capsys.readouterr().err
    assert data.read_bytes() == (corpus / "test.jsonl").read_bytes()
