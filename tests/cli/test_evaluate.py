"""``nlu-kit evaluate`` as a user types it: files, exit codes, and cross-validation with tiny runs."""

from __future__ import annotations

import html
import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from nlu_kit.cli.main import main

MAIN = ["intent.accuracy", "ner.f1", "exact_match"]


def read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def output(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an evaluation on the test set that the run's pipeline names."""
    folder: Path = tmp_path_factory.mktemp("evaluated") / "evaluation"
    arguments = ["--model", str(trained.run_dir), "--output", str(folder), "--junit", str(folder / "ci" / "junit.xml")]
    assert main(["evaluate", *arguments, "--fail-under", "intent.accuracy=0.1", "--fail-over", "ner.ece=1"]) == 0
    return folder


@pytest.fixture
def data(tmp_path: Path, jsonl: Any) -> Path:
    records = [
        {"text": "book a table in Paris", "intent": "book", "entities": [{"start": 16, "end": 21, "label": "city"}]},
        {"text": "<b>play</b> some jazz 🎉", "intent": "wake", "entities": []},
        {"text": "wake me at seven", "intent": "snooze"},
        {"text": "wake me at " + "seven " * 90, "intent": "wake"},
    ]
    file: Path = jsonl(tmp_path / "data.jsonl", records)
    return file


def test_figures_are_those_of_the_run(output: Path, trained: Any, corpus: Path) -> None:
    summary = read(output / "evaluation.json")
    assert summary["main"] == MAIN
    figures = {name: figure["value"] for name, figure in summary["figures"].items()}
    said = {**trained.test, **trained.confidence["test"]}
    assert {name: figures[name] for name in said if name in figures} == pytest.approx(
        {name: value for name, value in said.items() if name in figures}
    )
    known = {"intent.ece", "intent.ece_uncalibrated", "ner.ece", "out_of_scope.false_rejection"}
    assert known <= set(figures) & set(said)
    assert summary["scope"]["threshold"] == read(trained.model_dir / "model.json")["detector"]["threshold"]
    assert set(MAIN) <= set(trained.test)
    assert summary["data"] == str(corpus / "test.jsonl")
    assert summary["utterances"] == 19
    for name in MAIN:
        low, high = summary["figures"][name]["interval"]
        assert low <= figures[name] <= high
    assert summary["heads"]["intent"]["calibration"]["predictions"] == 19
    cost = summary["cost"]
    assert 0 < cost["latency_ms"]["p50"] <= cost["latency_ms"]["p99"]
    assert cost["throughput"] > 0
    assert 0 < cost["model_mb"] < cost["peak_memory_mb"]
    lines = (output / "errors.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == summary["errors"]["utterances"]
    wrong = [line for line in lines if json.loads(line)["heads"] != ["out_of_scope"]]
    assert len(wrong) == round(19 * (1 - figures["exact_match"]))


def test_other_files(output: Path) -> None:
    assert sorted(file.name for file in output.iterdir()) == ["ci", "errors.jsonl", "evaluation.json", "report.html"]
    suite = ElementTree.parse(output / "ci" / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("4", "0")
    assert "<!doctype html>" in (output / "report.html").read_text(encoding="utf-8")


def test_other_data(trained: Any, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out"
    assert main(["evaluate", str(data), "-m", str(trained.model_dir), "--output", str(folder)]) == 0
    summary = read(folder / "evaluation.json")
    assert summary["truncated"] == 1
    assert summary["heads"]["intent"]["unseen"] == 1
    assert summary["heads"]["ner"]["annotated"] == 2
    errors = [json.loads(line) for line in (folder / "errors.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {f"{data}:2", f"{data}:3"} <= {error["source"] for error in errors}
    confidences = [error["confidence"] or 0 for error in errors]
    assert confidences == sorted(confidences, reverse=True)
    markup = (folder / "report.html").read_text(encoding="utf-8")
    assert "<b>play" not in markup
    assert "&lt;b&gt;play" in markup
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "truncated utterances 1; labels unseen in training: intent 1, ner 0" in captured.out
    assert captured.out.splitlines()[0] == f"tiny: 4 utterances of {data}, in percent"


def test_a_threshold_that_is_not_met(
    trained: Any, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    arguments = ["evaluate", str(data), "-m", str(trained.model_dir), "--output", str(folder)]
    gates = ["--fail-under", "intent.accuracy=0.9", "--fail-under", "exact_match=0", "--junit", str(tmp_path / "j.xml")]
    assert main([*arguments, *gates]) == 1
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "failed: intent.accuracy" in captured.out
    assert "passed: exact_match" in captured.out
    assert ElementTree.parse(tmp_path / "j.xml").getroot().get("failures") == "1"
    assert [gate["passed"] for gate in read(folder / "evaluation.json")["gates"]] == [False, True]


def test_a_figure_that_there_is_not_costs_no_result(
    trained: Any, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    arguments = ["evaluate", str(data), "-m", str(trained.model_dir), "--output", str(folder)]
    gates = ["--fail-under", "intent.acuracy=0.9", "--fail-under", "intent.accuracy=1"]
    assert main([*arguments, *gates, "--junit", str(tmp_path / "j.xml")]) == 2, "whether the other is met or not"
    captured = capsys.readouterr()
    assert "there is no figure 'intent.acuracy'\n    did you mean 'intent.accuracy'" in captured.err
    assert "failed: intent.accuracy" in captured.out
    assert captured.out.splitlines()[-1].startswith("wrote ")
    assert [gate["metric"] for gate in read(folder / "evaluation.json")["gates"]] == ["intent.accuracy"]
    assert "intent.acuracy', so it was not checked" in html.unescape((folder / "report.html").read_text("utf-8"))
    assert (folder / "errors.jsonl").is_file()
    suite = ElementTree.parse(tmp_path / "j.xml").getroot()
    assert (suite.get("failures"), suite.get("errors")) == ("1", "1")


def test_a_junit_file_where_something_else_is(
    trained: Any, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Found before anything is computed, and nothing is lost."""
    folder, before = tmp_path / "out", data.read_bytes()
    (tmp_path / "taken").write_text("", encoding="utf-8")
    arguments = ["evaluate", str(data), "-m", str(trained.model_dir), "--output", str(folder)]
    for junit, told in (
        (folder / "evaluation.json", "would overwrite"),
        (data, "would overwrite"),
        (trained.model_dir / "model.json", "would overwrite"),
        (tmp_path / "taken" / "j.xml", "there is a file in its way; set --junit"),
        (tmp_path, "is a directory"),
        (os.devnull, f"--junit {os.devnull} is no regular file"),
    ):
        assert main([*arguments, "--junit", str(junit)]) == 2
        assert told in capsys.readouterr().err
    assert data.read_bytes() == before
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["errors.jsonl", "link.jsonl"])
def test_errors_of_last_time_are_not_overwritten_while_they_are_read(
    name: str, trained: Any, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    errors, before = tmp_path / "out" / "errors.jsonl", data.read_bytes()
    errors.parent.mkdir()
    data.rename(errors)
    (errors.parent / "link.jsonl").symlink_to(errors)
    read = errors.parent / name
    assert main(["evaluate", str(read), "-m", str(trained.model_dir), "--output", str(errors.parent)]) == 2
    assert f"{errors} would overwrite {read}, which is read; set --output" in capsys.readouterr().err
    assert errors.read_bytes() == before


def test_a_threshold_in_place_of_the_models_own(
    trained: Any, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", str(data), "-m", str(trained.model_dir), "--output", str(tmp_path)]
    for threshold, rejected in ((1e9, 0.0), (-1e9, 1.0)):
        assert main([*arguments, "--threshold", str(threshold)]) == 0
        summary = read(tmp_path / "evaluation.json")
        assert summary["figures"]["out_of_scope.false_rejection"]["value"] == rejected
        assert any(f"Scores above {threshold:g} count as out of scope" in note for note in summary["notes"])
    assert main([*arguments, "--threshold", "nan"]) == 2
    assert "nan is not a finite number" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--model", "nowhere"], "there is no nowhere"),
        ([], "no trained model: runs"),
        (["--fail-under", "x"], "can't read 'x'"),
        (["--set", "training.epochs=1"], "--set is for --folds"),
        (["--keep-models"], "--keep-models is for --folds"),
        (["--folds", "2", "--model", "x"], "--model does not go with --folds"),
        (["--folds", "2", "--threshold", "1"], "--threshold does not go with --folds"),
        (["--folds", "2", "--batch-size", "1"], "--batch-size does not go with --folds"),
        (["--threshold", "high"], "'high' is not a valid float"),
        (["--folds", "1"], "x>=2"),
        (["--folds", "2", "nowhere.json"], "nowhere.json: 1 problem"),
        (["--device", "meta"], "'meta' is none of cpu"),
        (["--output", "taken"], "'taken' is a file"),
    ],
)
def test_mistakes(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("", encoding="utf-8")
    assert main(["evaluate", *arguments]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken"], "no folder for results is left behind"
    assert told in capsys.readouterr().err.replace("\\", "/")


def test_a_folder_for_results_that_can_not_be_made(
    trained: Any, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("", encoding="utf-8")
    output = str(tmp_path / "taken" / "below")
    assert main(["evaluate", str(data), "-m", str(trained.model_dir), "--output", output]) == 2
    assert f"no results can be written in {output}: " in capsys.readouterr().err


def test_data_that_can_not_be_read(trained: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"text": "x"}\n{"intent": "y"}\n', encoding="utf-8")
    arguments = ["-m", str(trained.model_dir), "--output", str(tmp_path / "out")]
    assert main(["evaluate", str(broken), *arguments]) == 2
    assert "broken.jsonl:2: the key 'text' is missing" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path / "gone.jsonl"), *arguments]) == 2
    assert "gone.jsonl: name a file or folder" in capsys.readouterr().err
    assert main(["evaluate", str(broken), *arguments, "--reader", "jsonk"]) == 2
    assert "did you mean 'jsonl'" in capsys.readouterr().err
    broken.write_text('{"text": "x"}\n', encoding="utf-8")
    assert main(["evaluate", str(broken), *arguments]) == 2
    assert "is annotated for any head of the model" in capsys.readouterr().err


def test_folds(write_pipeline: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two runs; what one has finished is not run again; then figures over all that was held out."""
    file = write_pipeline(tmp_path, training={"epochs": 1})
    folder = tmp_path / "evaluation"
    slip = ["--fail-under", "ner.f2=0.5"]
    arguments = ["evaluate", "--folds", "2", str(file), "--output", str(folder), "--set", "training.epochs=2"]
    assert main([*arguments, "--keep-models"]) == 0, capsys.readouterr().err
    first = capsys.readouterr().out
    assert "run 2/2  fold 2 of 2, seed 42: intent.accuracy" in first
    summary = read(folder / "evaluation.json")
    assert summary["utterances"] == 57 + 19
    assert (summary["model"], summary["cost"]) == (None, None)
    rows = summary["folds"]["rows"]
    assert [row["epochs_run"] for row in rows] == [2, 2]
    assert sum(row["utterances"] for row in rows) == 76
    pooled = sum(row["figures"]["intent.accuracy"] * row["utterances"] for row in rows) / 76
    assert summary["figures"]["intent.accuracy"]["value"] == pytest.approx(pooled)  # every one is annotated
    models = list(folder.rglob("model.safetensors"))
    assert len(models) == 2
    assert len(read(next(folder.rglob("split/train.json")))) == rows[0]["sizes"]["train"]

    assert main([*arguments, *slip]) == 2, "but everything is written"
    again = capsys.readouterr().out
    assert again.startswith("2 of 2 runs are finished already")
    assert read(folder / "evaluation.json")["figures"] == summary["figures"]
    assert not list(folder.rglob("model.safetensors"))


def test_too_many_folds(write_pipeline: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_pipeline(tmp_path)
    assert main(["evaluate", "--folds", "70", str(file), "--output", str(tmp_path / "out")]) == 2
    assert "57 different utterances can't be split into 70 folds" in capsys.readouterr().err
