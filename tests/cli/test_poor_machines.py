"""No home, nowhere for temporary files, few open files, little memory, nothing that can be written: it works all the
same, or says what is missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and mounts are Linux's here")
TEXT = "book a table in Paris"


def run(
    folder: Path, *arguments: str, limits: Sequence[str] = (), timeout: float = 120, **variables: str | None
) -> subprocess.CompletedProcess[str]:
    """The command line under ``ulimit``; a variable that is None is not there."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NLU_KIT_")}
    environment = {name: value for name, value in {**environment, **variables}.items() if value is not None}
    line = "".join(f"ulimit {limit} && " for limit in limits) + 'exec "$@"'
    return subprocess.run(
        ["bash", "-c", line, "bash", sys.executable, "-m", "nlu_kit", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@contextmanager
def small_disk(place: Path, *, kilobytes: int) -> Iterator[Path]:
    """A file system of its own; skips where none may be mounted."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


POOR: dict[str, dict[str, Any]] = {
    "no home": {"HOME": None, "USER": None, "LOGNAME": None, "XDG_CACHE_HOME": None},
    "nowhere for temporary files": {"TMPDIR": "/nowhere", "TEMP": "/nowhere", "TMP": "/nowhere"},
    "20 open files": {"limits": ["-n 20"]},
    "1 GB of memory": {"limits": ["-v 1000000"], "OMP_NUM_THREADS": "1"},
}


@pytest.mark.parametrize("name", POOR)
def test_predicting(name: str, exported: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "predict", "--model", str(exported), "--json", TEXT, **POOR[name])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["text"] == TEXT
    assert done.stderr == ""


def test_training(write_pipeline: Any, tmp_path: Path) -> None:
    write_pipeline(tmp_path)
    poor = {key: value for name, given in POOR.items() if "memory" not in name for key, value in given.items()}
    done = run(tmp_path, "train", "--quiet", **poor)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "latest" / "model" / "manifest.json").is_file()


@pytest.mark.parametrize("command", ["train", "predict"])
def test_too_little_memory_is_said(command: str, exported: Path, write_pipeline: Any, tmp_path: Path) -> None:
    write_pipeline(tmp_path)
    given = (
        ["train", "--quiet"]
        if command == "train"
        else ["predict", "--runtime", "torch", "--model", str(exported), TEXT]
    )
    done = run(tmp_path, *given, limits=["-v 400000"])
    assert done.returncode == 1
    assert "error: out of memory" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_server_with_too_few_open_files_says_so(exported: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "serve", "--model", str(exported), "--port", "8765", "--workers", "2", limits=["-n 20"])
    assert done.returncode == 2
    assert "may open 20 files here, and needs 64: ulimit -n 1024" in done.stderr


def test_nothing_can_be_written(exported: Path, write_pipeline: Any, tmp_path: Path) -> None:
    """Predicting needs no write; what must write says where it can't, and has not begun."""
    with small_disk(tmp_path / "disk", kilobytes=100_000) as disk:
        shutil.copytree(exported, disk / "model")
        write_pipeline(disk)
        (disk / "in.jsonl").write_text(json.dumps({"text": TEXT}), "utf-8")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        done = run(disk, "predict", "--model", "model", TEXT)
        assert done.returncode == 0, done.stderr
        for arguments in (["predict", "--model", "model", "--input", "in.jsonl", "--output", "out.jsonl"],
                          ["evaluate", "--model", "model", "in.jsonl"], ["train", "--quiet"]):  # fmt: skip
            done = run(disk, *arguments)
            assert done.returncode in (1, 2), arguments
            assert "Read-only file system" in done.stderr, done.stderr
            assert "Traceback" not in done.stderr
            assert "a bug" not in done.stderr


def test_a_full_disk(write_pipeline: Any, tmp_path: Path) -> None:
    """Too small for a run: it says so, and with more room the run goes on, or begins."""
    pipeline = write_pipeline(tmp_path)
    with small_disk(tmp_path / "disk", kilobytes=100) as disk:
        done = run(tmp_path, "train", "--quiet", "--runs", str(disk))
        assert done.returncode in (1, 2)
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr
        assert not list(disk.glob("*/model"))
        subprocess.run(["mount", "-o", "remount,size=1g", str(disk)], check=True)
        listed = run(tmp_path, "runs", "--runs", str(disk))
        assert listed.returncode == 0, listed.stderr
        done = run(tmp_path, "train", "--quiet", str(pipeline), "--runs", str(disk))
        assert done.returncode == 0, done.stderr
        assert (disk / "latest" / "model" / "manifest.json").is_file()
