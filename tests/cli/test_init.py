"""``nlu-kit init``: all of it, or nothing, and nothing of the user's lost."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.cli import init
from nlu_kit.cli.init import write_starter
from nlu_kit.errors import NluKitError

ROOT = Path(__file__).resolve().parents[2]
FILES = ["README.md", "data/dev.jsonl", "data/test.jsonl", "data/train.jsonl", "pipeline.json"]


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_pipeline_of_the_repository_is_the_starters_but_for_paths_and_epochs() -> None:
    """Its data is the starter's, and stays so; who runs `init` puts their own there."""
    ours, starter = (
        json.loads((folder / "pipeline.json").read_text(encoding="utf-8"))
        for folder in (ROOT, ROOT / "nlu_kit" / "starter")
    )
    for split in ("train", "dev", "test"):
        assert starter["data"].pop(split) == f"data/{split}.jsonl"
        assert ours["data"].pop(split) == f"nlu_kit/starter/{split}.jsonl"
    assert ours["training"].pop("epochs") == 7
    assert ours == starter


def test_init_ends_with_what_to_type_next_and_the_result_checks(nlu_kit: Any, tmp_path: Path) -> None:
    done = nlu_kit("init", "my bot")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "next: cd 'my bot' && nlu-kit train pipeline.json"
    assert tree(tmp_path) == [f"my bot/{file}" for file in FILES]
    starter = ROOT / "nlu_kit" / "starter"
    for split in ("train", "dev", "test"):
        assert (tmp_path / f"my bot/data/{split}.jsonl").read_bytes() == (starter / f"{split}.jsonl").read_bytes()
    checked = nlu_kit("config", "check", "my bot/pipeline.json")
    assert checked.returncode == 0, checked.stderr


def test_into_this_folder_beside_what_is_there(nlu_kit: Any, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.txt").write_text("mine", encoding="utf-8")
    done = nlu_kit("init", ".")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "next: nlu-kit train pipeline.json"
    assert tree(tmp_path) == sorted([*FILES, "data/mine.txt"])


def test_nothing_is_overwritten_unless_asked(nlu_kit: Any, tmp_path: Path) -> None:
    bot = tmp_path / "bot"
    (bot / "data").mkdir(parents=True)
    for name in ("README.md", "data/dev.jsonl"):
        (bot / name).write_text("mine", encoding="utf-8")
    refused = nlu_kit("init", "bot")
    assert refused.returncode == 2
    assert "bot/README.md" in refused.stderr
    assert "bot/data/dev.jsonl" in refused.stderr
    assert "--force" in refused.stderr
    assert tree(bot) == ["README.md", "data/dev.jsonl"]
    assert (bot / "README.md").read_text(encoding="utf-8") == "mine"
    forced = nlu_kit("init", "bot", "--force")
    assert forced.returncode == 0, forced.stderr
    assert tree(bot) == FILES
    assert (bot / "README.md").read_text(encoding="utf-8").startswith("# bot\n")


@pytest.mark.parametrize("name", ["bot", "bot/data"])
def test_a_file_where_a_folder_should_be(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    with pytest.raises(NluKitError, match="it is not a folder"):
        write_starter(tmp_path / "bot", force=True)
    assert tree(tmp_path) == [name]


def test_a_folder_where_a_file_should_be(tmp_path: Path) -> None:
    (tmp_path / "pipeline.json").mkdir()
    with pytest.raises(NluKitError, match=r"in the way:\n  - .*pipeline\.json"):
        write_starter(tmp_path, force=True)
    assert tree(tmp_path) == []


@pytest.mark.parametrize("exists", [True, False])
def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exists: bool) -> None:
    bot = tmp_path / "bot"
    if exists:
        bot.mkdir()
    write = Path.write_bytes

    def full(self: Path, content: bytes) -> int:
        if self.name == "test.jsonl":
            raise OSError(28, "No space left on device")
        return write(self, content)

    monkeypatch.setattr(init.Path, "write_bytes", full)
    with pytest.raises(NluKitError, match="No space left on device"):
        write_starter(bot)
    assert list(tmp_path.rglob("*")) == ([bot] if exists else [])


@pytest.mark.skipif(os.name == "nt", reason="permissions are others there")
def test_the_folder_follows_the_umask(tmp_path: Path) -> None:
    previous = os.umask(0o022)
    try:
        write_starter(tmp_path / "bot")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "bot").stat().st_mode) == 0o755
