"""The playground in a real browser, where there is one."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--virtual-time-budget=8000",
)  # fmt: skip


def browse(url: str, profile: Path, *options: str) -> str:
    """The page after its script has run."""
    command = [str(CHROMIUM), *QUIET, f"--user-data-dir={profile}", *options, url]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True).stdout


@pytest.mark.parametrize("text", ["book a table in Paris", "🙂 in Paris <img src=x>"])
def test_it_shows_what_the_server_says(text: str, server: Any, tmp_path: Path) -> None:
    expected = server.post("/v1/parse", {"text": text}).json()
    page = browse(f"{server.url}/#text={quote(text)}", tmp_path, "--dump-dom")
    shown = [html.unescape(each) for each in re.findall(r"<mark>(.*?)<span>", page)]
    assert shown == [entity["text"] for entity in expected["entities"]]
    assert f">{expected['intent']['name']}<" in page
    assert page.count("<meter") == min(5, len(expected["intents"]))
    assert ("out of scope: yes" if expected["out_of_scope"] else "out of scope: no") in page
    assert "<img" not in page, "a text is never markup"


def test_it_offers_the_models_examples(server: Any, exported: Path, tmp_path: Path) -> None:
    examples = server.get("/v1/model").json()["examples"]
    assert examples == json.loads((exported / "model.json").read_text("utf-8"))["examples"]
    assert len(examples) == 3
    page = browse(f"{server.url}/", tmp_path, "--dump-dom")
    offered = re.search(r'<p id="examples">(.*?)</p>', page, re.DOTALL)
    assert offered is not None
    assert [html.unescape(each) for each in re.findall(r">([^<]+)</button>", offered[1])] == examples


def test_it_fits_a_phone(server: Any, tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    browse(f"{server.url}/#text=play%20some%20jazz", tmp_path, "--window-size=390,800", f"--screenshot={picture}")
    assert picture.read_bytes().startswith(b"\x89PNG")
