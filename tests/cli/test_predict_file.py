"""``nlu-kit predict --output``: real files, real processes, and a real kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nlu_kit.cli.main import main

Captured = pytest.CaptureFixture[str]
TEXTS = ("play jazz", "book a table in New York", "wake me at seven")


def write(file: Path, count: int) -> Path:
    lines = (json.dumps({"text": TEXTS[n % 3], "id": n}) for n in range(count))
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def ids(file: Path) -> list[int | str]:
    return [json.loads(line)["id"] for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_table_is_answered_and_its_columns_stay(exported: Path, tmp_path: Path, capsys: Captured) -> None:
    source, output, bad = tmp_path / "in.csv", tmp_path / "out.jsonl", tmp_path / "bad.jsonl"
    source.write_text("id,question\n1,play jazz\n2\n3,wake me at seven\n", encoding="utf-8")
    arguments = ["predict", "-m", str(exported), "-i", str(source), "--column", "question", "-o", str(output)]
    assert main(arguments) == 2
    assert f"{source}:3: 1 fields, and the header names 2 (--errors FILE sets" in capsys.readouterr().err
    assert main([*arguments, "--resume", "--errors", str(bad)]) == 0
    said = capsys.readouterr()
    assert f"a second): {output}" in said.out
    assert f"set aside 1 that are wrong: {bad}" in said.out
    assert said.err == "", "no bar where stderr is no terminal"
    found = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [(row["id"], row["text"], row["intent"]["name"]) for row in found] == [
        ("1", "play jazz", "play"),
        ("3", "wake me at seven", "wake"),
    ]
    assert main(["predict", "-m", str(exported), "-i", str(source), "--column", "question", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["id"] == "1", "what is printed reads tables, too"


def test_a_quote_left_open_is_one_row_set_aside(exported: Path, tmp_path: Path, capsys: Captured) -> None:
    source, output, bad = tmp_path / "in.csv", tmp_path / "out.jsonl", tmp_path / "bad.jsonl"
    lines = [f"{n},{TEXTS[n % 3]}" for n in range(200)]
    lines[100] = '100,"can you play that'
    source.write_text("id,text\n" + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    assert main(["predict", "-m", str(exported), "-i", str(source), "-o", str(output), "--errors", str(bad)]) == 0
    assert "answered 199 texts" in capsys.readouterr().out
    assert ids(output) == [str(n) for n in range(200) if n != 100]
    (wrong,) = map(json.loads, bad.read_text(encoding="utf-8").splitlines())
    assert wrong["line"] == 102
    assert wrong["error"].startswith(f"{source}:102: a quote opens here")


def test_what_parquet_has_and_json_has_not(exported: Path, tmp_path: Path, capsys: Captured) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    source, output, bad = tmp_path / "in.parquet", tmp_path / "out.jsonl", tmp_path / "bad.jsonl"
    columns = {
        "text": ["play jazz", None, "wake me at seven"],
        "score": [float("nan"), 1.0, float("inf")],
        "at": pyarrow.array([1, 2, 10**18 + 1], pyarrow.timestamp("ns")),
    }
    parquet.write_table(pyarrow.table(columns), source)
    command = ["predict", "-m", str(exported), "-i", str(source)]
    assert main([*command, "-o", str(output), "--errors", str(bad)]) == 0
    capsys.readouterr()
    found = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [(row["score"], row["at"]) for row in found] == [
        (None, "1970-01-01T00:00:00.000000001"),
        ("Infinity", "2001-09-09T01:46:40.000000001"),
    ]
    assert len(bad.read_text(encoding="utf-8").splitlines()) == 1
    assert main([*command, "--json"]) == 2, "the second row has no text"
    printed = capsys.readouterr()
    assert json.loads(printed.out)["at"] == found[0]["at"]
    assert f"{source}:2: 'text' must be a string, got null" in printed.err


def test_a_killed_command_goes_on_with_the_same_bytes(exported: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", 12_000)
    command = [
        sys.executable,
        "-m",
        "nlu_kit",
        "predict",
        "-m",
        str(exported),
        "-i",
        str(source),
        "--workers",
        "2",
        "-o",
    ]
    whole, output = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    subprocess.run([*command, str(whole)], check=True, capture_output=True, timeout=120)
    begun = subprocess.Popen([*command, str(output)], stdout=subprocess.DEVNULL, start_new_session=True)
    progress = tmp_path / "out.jsonl.progress"
    deadline = time.monotonic() + 60
    while not progress.exists() and begun.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    begun.kill()
    begun.wait()
    assert not output.exists()
    assert 0 < json.loads(progress.read_text(encoding="utf-8"))["rows"] < 12_000
    while members(begun.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert members(begun.pid) == [], "no worker outlives its parent"
    subprocess.run([*command, str(output), "--resume"], check=True, capture_output=True, timeout=120)
    assert output.read_bytes() == whole.read_bytes()
    assert ids(output) == list(range(12_000))


def members(group: int) -> list[int]:
    """The processes of a session that still run, zombies left out."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, of_group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(of_group) == group and state != "Z":
            found.append(int(folder.name))
    return found


def test_ctrl_c_says_how_to_go_on(exported: Path, tmp_path: Path) -> None:
    source, output = write(tmp_path / "in.jsonl", 12_000), tmp_path / "out.jsonl"
    command = [sys.executable, "-m", "nlu_kit", "predict", "-m", str(exported), "-i", str(source), "-o", str(output)]
    begun = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # nohup has it ignored
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "out.jsonl.progress").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(begun.pid, signal.SIGINT)
    _, said = begun.communicate(timeout=60)
    assert (begun.returncode, said) == (130, "interrupted; the same command with --resume goes on from there\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["hi", "-o", "x.jsonl"], "--output is for --input FILE"),
        (["-", "-o", "x.jsonl"], "--output is for --input FILE"),
        (["-i", "in.jsonl", "-o", "x.jsonl", "--json"], "--json is for what is printed"),
        (["-i", "in.jsonl", "--resume"], "are for --output FILE"),
        (["-i", "in.jsonl", "--workers", "2"], "are for --output FILE"),
        (["-i", "in.jsonl", "-o", "x.jsonl", "--resume", "--overwrite"], "give one of them"),
        (["-i", "in.jsonl", "-o", "x.jsonl", "--errors", "x.jsonl"], "name the same file"),
        (["-i", "in.jsonl", "-o", "none/x.jsonl"], "No such file or directory: none/x.jsonl"),
        (["-i", "in.jsonl", "-o", "in.jsonl"], "in.jsonl is there already"),
        (["-i", "in.jsonl", "--column", "a", "-o", "x.jsonl"], "in.jsonl has no columns"),
        (["-i", "in.jsonl", "--jsonl", "--column", "a", "-o", "x.jsonl"], "--column is for --input FILE, without"),
        (["-i", "none.jsonl", "-o", "x.jsonl"], "there is no file none.jsonl"),
    ],
)
def test_what_does_not_go_together(
    arguments: list[str],
    reason: str,
    exported: Path,
    tmp_path: Path,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "in.jsonl", 3)
    assert main(["predict", "-m", str(exported), *arguments]) in (1, 2)
    assert reason in capsys.readouterr().err
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in.jsonl"]
