"""A real server, asked over HTTP: its answers are the model's, and what is wrong is said with its status."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from nlu_kit import load
from nlu_kit.client import AsyncClient, Client, ServerError
from tests.serve.conftest import free_port

TEXTS = ["book a table in Paris", "play some jazz", "wake me at seven", "", "日本 🙂 <b>x</b>"]
TOKEN = "s3cret-and-long"


@pytest.fixture(scope="module")
def model(exported: Path) -> Any:
    return load(exported)


def close(first: Any, second: Any) -> bool:
    """The same but for rounding, since a batch may be cut otherwise."""
    if isinstance(first, float) and isinstance(second, float):
        return first == pytest.approx(second, abs=1e-4)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(close(first[key], second[key]) for key in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(close, first, second))
    return bool(first == second)


@pytest.mark.parametrize("text", TEXTS)
def test_it_says_what_the_model_says(text: str, server: Any, model: Any) -> None:
    answer = server.post("/v1/parse", {"text": text})
    assert answer.status_code == 200
    assert close(answer.json(), model(text).to_json())
    assert len(answer.headers["x-request-id"]) == 32


def test_several_texts_and_one_that_is_none(server: Any, model: Any) -> None:
    found = server.post("/v1/parse", {"texts": ["play some jazz", 3, "x" * 41], "top_k": 1}).json()["predictions"]
    assert found[1:] == [
        {"error": "not a text"},
        {"error": "41 characters, and this server takes 40 in a text"},
    ]
    assert found[0]["intent"]["name"] == model("play some jazz").intent.name
    assert len(found[0]["intents"]) == 1
    assert server.post("/v1/parse", {"texts": []}).json() == {"predictions": []}


def test_another_threshold(server: Any) -> None:
    found = [server.post("/v1/parse", {"text": "play some jazz", "threshold": at}).json() for at in (-1e9, 1e9)]
    assert [each["out_of_scope"] for each in found] == [True, False]


def test_rasas_shape(server: Any, model: Any) -> None:
    found = server.post("/model/parse", {"text": "book a table in Paris", "message_id": "7"}).json()
    expected = model("book a table in Paris")
    assert found["text"] == "book a table in Paris"
    names = [each["name"] for each in found["intent_ranking"] if each["name"] != "nlu_fallback"]
    assert names == [each.name for each in expected.intents]
    for entity, ours in zip(found["entities"], expected.entities, strict=True):
        assert (entity["entity"], entity["start"], entity["end"], entity["value"]) == (
            ours.label, ours.start, ours.end, ours.text,
        )  # fmt: skip
        assert entity["confidence_entity"] == pytest.approx(ours.confidence, abs=1e-4)
    assert found["intent"] == found["intent_ranking"][0]
    assert server.get("/version").json()["version"].startswith("3.")
    assert server.get("/status").json()["num_active_training_jobs"] == 0


def test_what_the_model_is(server: Any, exported: Path) -> None:
    found = server.get("/v1/model").json()
    assert set(found["labels"]) == {"intent", "ner"}
    assert found["sha256"]
    assert server.get("/v1/models").json() == {"models": ["default"], "default": "default"}
    assert server.get("/v1/models/default").json() == found


@pytest.mark.parametrize(
    ("path", "content", "status", "said"),
    [
        ("/v1/parse", b"{", 400, "JSON"),
        ("/v1/parse", b"\xff\xfe", 400, ""),
        ("/v1/parse", b"[]", 422, "dictionary"),
        ("/v1/parse", b"{}", 422, "send either 'text', one text, or 'texts'"),
        ("/v1/parse", b'{"text": "a", "texts": ["b"]}', 422, "send either"),
        ("/v1/parse", b'{"text": 3}', 422, "body.text"),
        ("/v1/parse", b'{"text": "a", "top_k": 0}', 422, "top_k"),
        ("/v1/parse", b'{"text": "a", "threshold": NaN}', 422, "threshold"),
        ("/v1/parse", b'{"text": "a", "txet": 1}', 422, "txet"),
        ("/v1/parse", b'{"text": "' + b"x" * 41 + b'"}', 422, "41 characters, and this server takes 40"),
        ("/v1/parse", b'{"texts": ["a","b","c","d"]}', 422, "4 texts, and this server takes 3"),
        ("/v1/parse", b'{"text": "' + b"x" * 5000 + b'"}', 413, "longer than the 4,096 bytes"),
        ("/model/parse", b"{}", 422, "body.text"),
        ("/v1/models/defualt/parse", b'{"text": "a"}', 404, "did you mean 'default'"),
        ("/v1/models/..%2f..%2fetc/parse", b'{"text": "a"}', 404, ""),
        ("/v1/models/default/reload", b"", 403, "this server has no token"),
        ("/nowhere", b"{}", 404, ""),
    ],
)
def test_what_is_wrong_is_said(path: str, content: bytes, status: int, said: str, server: Any) -> None:
    headers = {"content-type": "application/json"}
    answer = httpx.post(server.url + path, content=content, headers=headers, timeout=20)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["error"]


def test_a_body_without_a_length_is_limited_too(server: Any) -> None:
    def pieces() -> Any:
        for _ in range(100):
            yield b"x" * 1000

    answer = httpx.post(server.url + "/v1/parse", content=pieces(), timeout=20)
    assert answer.status_code == 413


def test_half_a_request_harms_nobody(server: Any) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    for sent in (
        b"POST /v1/parse HTTP/1.1\r\n",
        b"POST /v1/parse HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{",
        b"\x00" * 99,
    ):
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(sent)
    assert server.post("/v1/parse", {"text": "a"}).status_code == 200


def test_many_at_once_get_their_own_answers(server: Any, model: Any) -> None:
    texts = [f"play some jazz {number}" for number in range(60)]
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda text: server.post("/v1/parse", {"text": text}).json(), texts))
    assert [each["text"] for each in found] == texts
    assert all(close(each, model(text).to_json()) for each, text in zip(found, texts, strict=True))


def test_metrics_and_openapi(server: Any) -> None:
    server.post("/v1/parse", {"text": "play some jazz"})
    text = server.get("/metrics").text
    for name in (
        "nlu_kit_requests_total",
        "nlu_kit_request_seconds_bucket",
        "nlu_kit_queue_texts",
        "nlu_kit_batch_texts",
    ):
        assert name in text
    assert "nlu_kit_intents_total{intent=" in text
    assert 'path="other"' in server.get("/metrics").text, "unknown paths are counted as one"
    described = server.get("/openapi.json").json()
    assert "/v1/parse" in described["paths"]
    assert described["components"]["schemas"]["ParseRequest"]["examples"]


def test_the_page_brings_all_it_needs(server: Any) -> None:
    page = server.get("/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for file in ("page.js", "page.css"):
        assert f'"{file}"' in page.text
        assert server.get(f"/{file}").status_code == 200
    assert "innerHTML" not in server.get("/page.js").text
    assert "http" not in page.text.replace("http-equiv", "")


def test_no_text_is_logged(server: Any) -> None:
    server.post("/v1/parse", {"text": "very private words"})
    log = server.log.read_text()
    assert '"path": "/v1/parse", "status": 200' in log
    assert "private" not in log


# --- clients ----------------------------------------------------------------------------------------------------------


def test_the_client_gives_predictions(server: Any, model: Any) -> None:
    with Client(server.url) as client:
        found = client("book a table in Paris")
        assert close(found.to_json(), model("book a table in Paris").to_json())
        assert [each.label for each in found.entities] == [
            each.label for each in model("book a table in Paris").entities
        ]
        with pytest.raises(ServerError, match="refused text 1: 41 characters"):
            client.parse_many(["a", "x" * 41])
        with pytest.raises(TypeError):
            client.parse_many("a")
    with pytest.raises(ServerError, match="does not answer"):
        Client("http://127.0.0.1:9")("a")


def test_the_command_line_asks_a_server(server: Any, run_cli: Any, tmp_path: Path, exported: Path) -> None:
    asked = run_cli(tmp_path, "predict", "--json", "--url", server.url, "play some jazz")
    here = run_cli(tmp_path, "predict", "--json", "--model", str(exported), "play some jazz")
    assert asked.returncode == 0, asked.stderr
    assert close(json.loads(asked.stdout), json.loads(here.stdout))
    for url, said in (("localhost:1", "begins with http://"), ("http://127.0.0.1:9", "does not answer")):
        done = run_cli(tmp_path, "predict", "--url", url, "a")
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_the_asynchronous_client(server: Any) -> None:
    import asyncio

    async def ask() -> list[str]:
        async with AsyncClient(server.url, model="default") as client:
            return [each.text for each in await client.parse_many(["a", "b"])]

    assert asyncio.run(ask()) == ["a", "b"]


# --- tokens, reload, several workers, the end -------------------------------------------------------------------------


def test_token_and_reload(start: Any, exported: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(exported, tmp_path / "model"))
    (tmp_path / "token").write_text(TOKEN + "\n", encoding="utf-8")
    server = start("--model", f"a={folder}", "--workers", "2", "--token-file", str(tmp_path / "token"))
    right = {"headers": {"authorization": f"Bearer {TOKEN}"}}
    for wrong in ({}, {"headers": {"authorization": "Bearer wrong"}}, {"headers": {"authorization": TOKEN}}):
        assert server.post("/v1/parse", {"text": "a"}, **wrong).status_code == 401
    assert server.get("/livez").status_code == 200, "a load balancer has no token"
    assert server.get("/").status_code == 200, "nor has a browser, whose page asks for it"
    assert server.get("/v1/model").status_code == server.get("/metrics").status_code == 401
    assert server.post("/v1/models/a/parse", {"text": "a"}, **right).status_code == 200
    assert server.post("/v1/models/a/reload", None, **right).json()["model"] == "a"
    (folder / "model.json").write_text("{}", encoding="utf-8")
    broken = server.post("/v1/models/a/reload", None, **right)
    assert broken.status_code == 409
    assert "model.json" in broken.json()["error"]
    assert server.post("/v1/parse", {"text": "a"}, **right).status_code == 200, "the old one goes on"
    assert TOKEN not in server.log.read_text()
    assert server.stop() in (0, -signal.SIGTERM)


def test_workers_end_where_what_began_them_is_gone(start: Any, exported: Path) -> None:
    import psutil

    server = start("--model", str(exported), "--workers", "2")
    children = psutil.Process(server.process.pid).children(recursive=True)
    server.process.kill()
    server.process.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
    with pytest.raises(httpx.ConnectError):
        server.get("/livez")


def test_a_worker_that_dies_is_replaced(start: Any, exported: Path) -> None:
    import psutil

    server = start("--model", str(exported), "--workers", "2")
    parent = psutil.Process(server.process.pid)

    def workers() -> list[int]:
        return [
            child.pid
            for child in parent.children()
            if child.status() != psutil.STATUS_ZOMBIE and "resource_tracker" not in " ".join(child.cmdline())
        ]

    before = workers()
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    ends = time.monotonic() + 30
    answered = 0
    while time.monotonic() < ends and (not answered or len(workers()) < 2 or before[0] in workers()):
        try:
            answered += server.post("/v1/parse", {"text": "a"}).status_code == 200
        except httpx.HTTPError:  # it was in flight
            continue
    assert answered > 0, "the other goes on"
    assert len(set(workers()) - set(before)) == 1
    server.stop()


def test_another_sites_page_may_ask_if_it_is_named(start: Any, exported: Path) -> None:
    server = start("--model", str(exported), "--workers", "1", "--cors", "https://a.example", NLU_KIT_TOKEN=TOKEN)
    asking = {"origin": "https://a.example", "access-control-request-method": "POST"}
    allowed = httpx.options(server.url + "/v1/parse", headers=asking)
    assert allowed.headers["access-control-allow-origin"] == "https://a.example"
    other = httpx.options(server.url + "/v1/parse", headers={**asking, "origin": "https://b.example"})
    assert "access-control-allow-origin" not in other.headers
    assert server.post("/v1/parse", {"text": "a"}).status_code == 401
    server.stop()


def test_it_drains(start: Any, exported: Path) -> None:
    server = start("--model", str(exported), "--workers", "1", "--drain", "2")
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert server.get("/readyz").status_code == 503
    assert server.post("/v1/parse", {"text": "a"}).status_code == 200, "what still comes is answered"
    server.process.wait(timeout=20)
    with pytest.raises(httpx.HTTPError):
        server.get("/readyz")


def test_mistakes_on_the_command_line(run_cli: Any, tmp_path: Path, exported: Path) -> None:
    (tmp_path / "empty").write_text("", encoding="utf-8")
    for arguments, said in (
        (["--model", "nowhere"], "nowhere"),
        (["--model", f"a={exported}", "--model", f"a={exported}"], "'a' is there twice"),
        (["--model", "a/b=c"], "there is no a/b=c"),
        (["--model", "=a"], "--model =a: write NAME=PATH, or just a path"),
        (["--model", "a="], "--model a=: write NAME=PATH, or just a path"),
        (["--model", str(exported), "--token-file", "empty"], "empty is empty"),
        (["--model", str(exported), "--token-file", "missing"], "the token can't be read"),
    ):
        done = run_cli(tmp_path, "serve", *arguments)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_a_path_may_have_an_equals_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nlu_kit.cli.serve import _models

    monkeypatch.chdir(tmp_path)
    Path("lr=5e-5/model").mkdir(parents=True)
    for given, expected in (
        (["runs/latest"], {"default": "runs/latest"}),
        (["/runs/lr=5e-5/model"], {"default": "/runs/lr=5e-5/model"}),
        (["./lr=5e-5"], {"default": "./lr=5e-5"}),
        (["lr=5e-5/model"], {"default": "lr=5e-5/model"}),
        (["en=models/en", "de=/runs/lr=5e-5"], {"en": "models/en", "de": "/runs/lr=5e-5"}),
        (["lr=models/en"], {"lr": "models/en"}),
    ):
        assert _models(tuple(given)) == expected


def test_it_says_that_it_serves_once_it_does(exported: Path) -> None:
    for workers in ("1", "2"):
        port = free_port()
        command = [sys.executable, "-m", "nlu_kit", "serve", "-m", str(exported), "--port", str(port)]
        with subprocess.Popen([*command, "--workers", workers], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith(f"serving default at http://127.0.0.1:{port} with {workers} process")
            assert httpx.get(f"http://127.0.0.1:{port}/livez", timeout=20).status_code == 200
            process.terminate()
            assert process.stdout.read() == ""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([*command[:-1], str(port)], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode != 0, done.stdout) == (True, "")
