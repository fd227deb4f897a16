"""On a local Ray, two replicas answer as the predictor does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

import nlu_kit
from nlu_kit.client import Client, ServerError
from nlu_kit.errors import DataError, ModelError
from tests.serve.conftest import free_port

ray = pytest.importorskip("ray")
serve = pytest.importorskip("ray.serve")
TOKEN, CLIENTS = "s3cret", 6
HEADER = {"authorization": f"Bearer {TOKEN}"}
TEXTS = [f"{text} {number}" for number in range(12) for text in ("play jazz", "book a table in New York", "zzz", "")]


@pytest.fixture(scope="module")
def deployed(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from nlu_kit.serve.ray import RayArguments, app

    port = free_port()
    (token := tmp_path_factory.mktemp("ray") / "token").write_text(TOKEN)
    ray.init(num_cpus=4, log_to_driver=False, include_dashboard=False, configure_logging=False)
    serve.start(http_options={"port": port})
    arguments = RayArguments(model=str(exported), min_replicas=2, max_replicas=2, token_file=str(token), characters=200)
    serve.run(app(arguments), name="nlu", route_prefix="/")
    yield f"http://127.0.0.1:{port}"
    serve.shutdown()
    ray.shutdown()


def test_two_replicas_answer_as_the_predictor_does(deployed: str, exported: Path) -> None:
    (status,) = serve.status().applications["nlu"].deployments.values()
    assert status.replica_states == {"RUNNING": 2}
    expected = [prediction.to_json() for prediction in nlu_kit.load(exported).parse_many(TEXTS)]

    def ask(_: int) -> list[Any]:
        with Client(deployed, token=TOKEN) as client:
            return [client(text).to_json() for text in TEXTS]

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(ask, range(CLIENTS)))
    for found in answers:
        for one, wanted in zip(found, expected, strict=True):
            assert (one["text"], one["intent"]["name"]) == (wanted["text"], wanted["intent"]["name"])
            assert one["intent"]["confidence"] == pytest.approx(wanted["intent"]["confidence"], abs=1e-5)
            assert [e["text"] for e in one["entities"]] == [e["text"] for e in wanted["entities"]]

    def count(_: int) -> float:
        told = httpx.get(f"{deployed}/metrics", headers=HEADER, timeout=20).text
        (line,) = [
            line for line in told.splitlines() if line.startswith("nlu_kit_requests_total") and "/v1/parse" in line
        ]
        return float(line.split()[-1])

    total, counts, ends = CLIENTS * len(TEXTS), set[float](), time.monotonic() + 60
    with ThreadPoolExecutor(8) as pool:  # asked one after the other, the same replica may answer each time
        while sum(counts) != total and counts != {total / 2} and time.monotonic() < ends:
            counts |= set(pool.map(count, range(16)))
    assert sum(counts) == total or counts == {total / 2}, "both have answered, and all was counted"


def test_limits_hold_and_nothing_is_reloaded(deployed: str) -> None:
    assert httpx.post(f"{deployed}/v1/parse", json={"text": "a"}, timeout=20).status_code == 401
    with Client(deployed, token=TOKEN) as client, pytest.raises(ServerError, match="201 characters"):
        client("a" * 201)
    again = httpx.post(f"{deployed}/v1/models/default/reload", headers=HEADER, timeout=20)
    assert (again.status_code, "deploy it again" in again.json()["error"]) == (409, True)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({}, ValueError, "name one model folder"),
        ({"model": "/x", "models": {"a": "/y"}}, ValueError, "name one model folder"),
        ({"model": "/x", "min_replicas": 5}, ValueError, "min_replicas 5 is above max_replicas 4"),
        ({"model": "/x", "replicas": 5}, ValueError, "replicas"),
        ({"model": "runs/latest"}, DataError, "give an absolute path"),
        ({"model": "/no/such/model"}, ModelError, "/no/such/model"),
    ],
)
def test_mistakes_are_said_before_anything_runs(arguments: Any, error: type[Exception], said: str) -> None:
    from nlu_kit.serve.ray import RayArguments, app

    with pytest.raises(error, match=said):
        app(RayArguments(**arguments))


@pytest.mark.slow
def test_the_command_of_the_docs(exported: Path, tmp_path: Path) -> None:
    port, command = free_port(), Path(sys.executable).with_name("serve")
    assert command.exists()
    config = tmp_path / "serve.yaml"
    config.write_text(
        f"http_options: {{port: {port}}}\napplications:\n- name: nlu\n  import_path: nlu_kit.serve.ray:app\n"
        f"  args: {{models: {{support: {exported}}}, max_replicas: 1}}\n"
    )
    with (tmp_path / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [command, "run", str(config)],
            stdout=log,
            stderr=log,
            cwd=tmp_path,
            env={**os.environ, "RAY_ADDRESS": "local"},
        )
        try:
            ends, found = time.monotonic() + 120, None
            while found is None and time.monotonic() < ends and process.poll() is None:
                with suppress(httpx.HTTPError):
                    answer = httpx.get(f"http://127.0.0.1:{port}/v1/models", timeout=5)
                    found = answer.json() if answer.status_code == 200 else None
                time.sleep(0.5)
            assert found is not None, (tmp_path / "log.txt").read_text()
            assert found == {"models": ["support"], "default": "support"}
        finally:
            process.terminate()
            process.wait(timeout=60)
