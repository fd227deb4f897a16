"""`cp -r new/. live/` while a server answers: it answers as before until it is told to reload a model that is whole."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from nlu_kit.errors import ModelError
from nlu_kit.files import sha256
from nlu_kit.model.folder import DESCRIPTION, open_model
from nlu_kit.registry import Registry
from nlu_kit.serve.copies import Copies, shared_folder

TOKEN = "s3cret-and-long"
RIGHT = {"headers": {"authorization": f"Bearer {TOKEN}"}}
TEXT = "play some jazz"


@pytest.fixture
def live(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "live"))


@pytest.fixture
def other(exported: Path, tmp_path: Path) -> Path:
    """A model that gives every intent another name."""
    folder = Path(shutil.copytree(exported, tmp_path / "other"))
    described = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    described["name"] = "other"
    described["labels"]["intent"] = [f"new_{name}" for name in described["labels"]["intent"]]
    (folder / DESCRIPTION).write_text(json.dumps(described), encoding="utf-8")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["sha256"][DESCRIPTION] = sha256(folder / DESCRIPTION)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def workers(server: Any) -> list[int]:
    return [
        child.pid
        for child in psutil.Process(server.process.pid).children()
        if child.status() != psutil.STATUS_ZOMBIE and "resource_tracker" not in " ".join(child.cmdline())
    ]


def intents(server: Any) -> set[str]:
    """What several connections are answered, most likely by every process."""
    return {server.post("/v1/parse", {"text": TEXT}, **RIGHT).json()["intent"]["name"] for _ in range(12)}


def eventually(wanted: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        try:
            if wanted():
                return
        except httpx.HTTPError:  # it was in flight
            pass
        time.sleep(0.2)
    raise AssertionError("not within a minute")


def test_a_server_goes_on_with_its_model(start: Any, live: Path, other: Path) -> None:
    server = start("--model", str(live), "--workers", "2", NLU_KIT_TOKEN=TOKEN)
    described = server.get("/v1/model", **RIGHT).json()
    before = workers(server)

    with (live / "model.safetensors").open("r+b") as stream:  # half a copy
        stream.truncate(1000)
    assert intents(server) == {"play"}
    assert workers(server) == before
    refused = server.post("/v1/models/default/reload", None, **RIGHT)
    assert (refused.status_code, "model.safetensors" in refused.json()["error"]) == (409, True)
    os.kill(before[0], signal.SIGKILL)  # and one that must begin now
    eventually(lambda: len(workers(server)) == 2 and before[0] not in workers(server))
    eventually(lambda: server.get("/readyz").status_code == 200)
    assert intents(server) == {"play"}

    shutil.copytree(other, live, dirs_exist_ok=True)
    assert intents(server) == {"play"}
    assert server.get("/v1/model", **RIGHT).json() == described
    reloaded = server.post("/v1/models/default/reload", None, **RIGHT).json()
    assert reloaded == {"model": "default", "folder": str(live)}
    eventually(lambda: intents(server) == {"new_play"})
    assert server.get("/v1/model", **RIGHT).json()["name"] == "other"
    shutil.rmtree(live)
    assert intents(server) == {"new_play"}
    server.stop()


@pytest.mark.parametrize(
    ("workers", "number"), [("1", signal.SIGTERM), ("1", signal.SIGINT), ("2", signal.SIGTERM), ("2", signal.SIGKILL)]
)
def test_no_copy_is_left(workers: str, number: int, start: Any, exported: Path, tmp_path: Path) -> None:
    server = start("--model", str(exported), "--workers", workers, TMPDIR=str(tmp_path))
    assert len(list(tmp_path.glob("*/copy-*/model.safetensors"))) == 1
    server.stop(number)
    eventually(lambda: not list(tmp_path.glob("nlu-kit-*")))


# --- the copies -------------------------------------------------------------------------------------------------------


def test_a_copy_is_whole_or_not_there(live: Path, tmp_path: Path) -> None:
    (shared := tmp_path / "shared").mkdir()
    copies, saved = Copies(shared), open_model(live, Registry.load())
    copy = copies.take("default", saved)
    assert copies.open(copy).files.hashes == saved.files.hashes
    assert copies.open(copy).files.private
    (live / "README.md").write_text("another", encoding="utf-8")
    with pytest.raises(ModelError, match=r"README\.md has changed"):
        copies.take("default", saved)
    assert [file.name for file in shared.iterdir()] == [copy.name]


def test_no_room_is_said(live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    (shared := tmp_path / "shared").mkdir()
    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(ModelError, match=r"no room for a copy of the model 'default' .*No space left.*TMPDIR"):
        Copies(shared).take("default", open_model(live, Registry.load()))
    assert list(shared.iterdir()) == []


def test_the_last_two_are_kept(live: Path, tmp_path: Path) -> None:
    (shared := tmp_path / "shared").mkdir()
    copies, saved = Copies(shared), open_model(live, Registry.load())
    taken = [copies.take("default", saved) for _ in range(3)]
    for copy in taken:
        copies.publish("default", copy)
    assert copies.current("default") == taken[-1]
    assert copies.current("another") is None
    assert {file.name for file in shared.iterdir()} == {"models.json", *(copy.name for copy in taken[1:])}


def test_what_a_killed_server_has_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("nlu-kit-serve-dead", "nlu-kit-serve-beginning", "another"):
        (tmp_path / name).mkdir()
    for name in ("nlu-kit-serve-dead", "another"):
        (tmp_path / name / "lock").touch()
    with shared_folder() as first, shared_folder() as second:
        assert {file.name for file in tmp_path.iterdir()} == {
            "nlu-kit-serve-beginning", "another", first.name, second.name,
        }  # fmt: skip
    assert not first.exists()
