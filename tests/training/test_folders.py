"""Each run gets a folder of its own; ``latest`` follows the last one that finished."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.training.folders import LATEST, new_run_folder, point_latest


def test_a_new_folder_carries_time_and_name(tmp_path: Path) -> None:
    folder = new_run_folder(tmp_path / "deep" / "runs", "assistant")
    assert folder.is_dir()
    assert folder.parent == tmp_path / "deep" / "runs"
    assert re.fullmatch(r"\d{8}-\d{6}-assistant", folder.name)


def test_no_two_runs_share_a_folder(tmp_path: Path) -> None:
    folders = [new_run_folder(tmp_path, "nlu") for _ in range(5)]
    assert len(set(folders)) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(folder.name for folder in folders)


def _point_and_read(runs: Path, name: str) -> Path:
    run = runs / name
    run.mkdir()
    (run / "name.txt").write_text(name, encoding="utf-8")
    point_latest(run)
    return runs / LATEST


def test_latest_follows_the_last_run(tmp_path: Path) -> None:
    for name in ("first", "second"):
        latest = _point_and_read(tmp_path, name)
        assert (latest / "name.txt").read_text(encoding="utf-8") == name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "latest", "second"]


def test_latest_survives_a_move_of_the_runs_folder(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    _point_and_read(tmp_path / "runs", "only")
    moved = (tmp_path / "runs").rename(tmp_path / "elsewhere")
    assert (moved / LATEST / "name.txt").read_text(encoding="utf-8") == "only"


def test_where_links_are_not_allowed_latest_is_a_text_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Any, target_is_directory: bool = False) -> None:
        raise OSError("a required privilege is not held by the client")

    _point_and_read(tmp_path, "linked")
    monkeypatch.setattr(Path, "symlink_to", refuse)
    for name in ("first", "second"):
        latest = _point_and_read(tmp_path, name)
        assert not latest.is_symlink()
        assert latest.read_text(encoding="utf-8") == name
    assert (tmp_path / "linked" / "name.txt").read_text(encoding="utf-8") == "linked"  # not written through the link
