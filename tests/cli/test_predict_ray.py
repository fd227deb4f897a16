"""``nlu-kit predict --engine ray``, as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nlu_kit.cli.main import main

Captured = pytest.CaptureFixture[str]


@pytest.mark.slow
def test_a_file_is_answered_by_two_actors(exported: Path, tmp_path: Path) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out"
    source.write_text('{"text": "play jazz", "id": 1}\n[]\n{"text": "wake me at seven", "id": 2}\n', "utf-8")
    command = [sys.executable, "-m", "nlu_kit", "predict", "-m", str(exported), "-i", str(source), "-o", str(output)]
    done = subprocess.run(
        [*command, "--errors", str(tmp_path / "bad"), "--engine", "ray", "--workers", "2"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"{output}" in done.stdout
    assert f"set aside 1 that are wrong: {tmp_path / 'bad'}" in done.stdout
    (part,) = output.glob("part-*.jsonl")
    assert [json.loads(line)["id"] for line in part.read_text("utf-8").splitlines()] == [1, 2]


@pytest.mark.slow
def test_a_bad_line_in_a_folder_is_one_line_of_error(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "more").mkdir(parents=True)
    (tmp_path / "in" / "a.txt").write_text("play jazz\n", "utf-8")
    (tmp_path / "in" / "README.md").write_text("# no text\n", "utf-8")
    bad = tmp_path / "in" / "more" / "b.jsonl"
    bad.write_text("[]\n", "utf-8")
    command = [sys.executable, "-m", "nlu_kit", "predict", "-m", str(exported), "-i", str(tmp_path / "in")]
    command += ["-o", str(tmp_path / "out"), "--engine", "ray", "--workers", "1"]
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    assert failed.stderr.splitlines()[-1].startswith(f"error: {bad}:1: expected a JSON object, got a list")
    assert "Traceback" not in failed.stderr
    assert "UDF" not in failed.stderr
    bad.write_text('{"text": "wake me at seven"}\n', "utf-8")
    done = subprocess.run([*command, "--overwrite"], capture_output=True, text=True, check=True)
    assert "answered 2 texts" in done.stdout
    assert "left out 1 files that are called like no texts: README.md" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-o", "out", "--engine", "ray", "--resume"], "no --resume"),
        (["-o", "out", "--engine", "ray", "--reader", "jsonl"], "no --reader"),
        (["--engine", "ray"], "--engine are for --output"),
        (["-o", ".", "--engine", "local"], "is a folder; name a file in it"),
        (["-o", "out", "--errors", "./out"], "--output and --errors name the same file"),
        (["-o", "out", "--errors", "out/", "--engine", "ray"], "--output and --errors name the same file"),
        (["-o", "-", "--engine", "ray"], "writes a folder of parts, and not to stdout"),
        (["-o", "out", "--engine", "dask"], "'dask' is not one of 'local', 'ray'"),
    ],
)
def test_what_does_not_go_together_is_said(tmp_path: Path, capsys: Captured, options: list[str], said: str) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "play jazz"}\n', "utf-8")
    assert main(["predict", "-i", str(source), *options]) == 2
    assert said in capsys.readouterr().err
