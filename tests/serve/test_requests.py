"""What curl, Rasa's clients, probes, proxies and browsers send, asked of the application in this process."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from nlu_kit.errors import DataError
from nlu_kit.serve.app import create_app
from nlu_kit.serve.batching import FullError
from nlu_kit.serve.guards import within
from nlu_kit.serve.settings import OWN, ServeSettings

TEXT = "book a table in Paris"
BODY = json.dumps({"text": TEXT}).encode()
TOKEN = "s3cret-and-lóng"
RIGHT = {"authorization": b"Bearer " + TOKEN.encode()}
SITE = "https://a.example"


class App:
    """The application of a server with these settings."""

    def __init__(self, model: Path, **settings: Any) -> None:
        self.app: Any = create_app(ServeSettings(models={"default": str(model)}, **settings))
        self.served = self.app.state.nlu_kit.models.get(None)

    def __call__(self, method: str, path: str, **request: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
                return await client.request(method, path, **request)

        return asyncio.run(ask())

    def post(self, path: str, content: bytes = BODY, **headers: Any) -> httpx.Response:
        return self("POST", path, content=content, headers={k.replace("_", "-"): v for k, v in headers.items()})


@pytest.fixture(scope="module")
def start_app(exported: Path) -> Iterator[Callable[..., App]]:
    begun: list[App] = []

    def begin(**settings: Any) -> App:
        begun.append(App(exported, **settings))
        return begun[-1]

    yield begin
    for one in begun:
        one.app.state.nlu_kit.models.close()


@pytest.fixture(scope="module")
def app(start_app: Callable[..., App]) -> App:
    return start_app(body=4096)


@pytest.fixture
def guarded(start_app: Callable[..., App], monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.setenv("NLU_KIT_TOKEN", TOKEN)
    return start_app(cors=(SITE,), body=2000)


# --- Rasa's clients and curl ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/model/parse", "/v1/parse", "/v1/models/default/parse"])
@pytest.mark.parametrize(
    "kind", [None, "application/x-www-form-urlencoded", "text/plain", "text/plain; charset=utf-8", "nonsense", "a/b; c"]
)
def test_a_body_is_json_whatever_it_is_called(path: str, kind: str | None, app: App) -> None:
    answer = app.post(path, **({} if kind is None else {"content_type": kind}))
    assert (answer.status_code, answer.json()["text"]) == (200, TEXT), answer.text


@pytest.mark.parametrize(
    "body",
    [{"message_id": 7}, {"message_id": None}, {"message_id": ["a"]}, {"model": "x", "time": 3}, {"text": [TEXT, "b"]}],
)
def test_rasas_bodies(body: dict[str, Any], app: App) -> None:
    answer = app.post("/model/parse", json.dumps({"text": TEXT, **body}).encode())
    assert (answer.status_code, answer.json()["text"]) == (200, TEXT), answer.text


@pytest.mark.parametrize("text", [[], [3], 3, None])
def test_what_is_no_text_is_refused_for_rasas_clients_too(text: Any, app: App) -> None:
    answer = app.post("/model/parse", json.dumps({"text": text}).encode())
    assert (answer.status_code, "body.text" in answer.json()["error"]) == (422, True)


def test_other_shapes_than_rasas_own_are_refused(app: App) -> None:
    answer = app.post("/model/parse?emulation_mode=WIT")
    assert (answer.status_code, "emulation_mode WIT" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/model/parse", 200),
        ("GET", "/status", 200),
        ("GET", "/version", 200),
        ("POST", "/v1/parse", 401),
        ("GET", "/v1/model", 401),
        ("POST", "/v1/models/default/reload", 401),
        ("GET", "/metrics", 401),
    ],
)
def test_rasas_clients_have_their_token_in_the_query(method: str, path: str, status: int, guarded: App) -> None:
    for query, expected in (({"token": TOKEN}, status), ({"token": "wrong"}, 401), ({"token": ""}, 401), ({}, 401)):
        answer = guarded(method, path, params=query, content=BODY)
        assert answer.status_code == expected, (query, answer.text)
    assert guarded(method, path, headers=RIGHT, content=BODY).status_code in (200, 409)


# --- packed bodies and charsets ---------------------------------------------------------------------------------------


def raw_deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("gzip", gzip.compress),
        ("X-GZip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("identity", bytes),
    ],
)
def test_packed_bodies(name: str, pack: Callable[[bytes], bytes], app: App) -> None:
    answer = app.post("/v1/parse", pack(BODY), content_encoding=name)
    assert (answer.status_code, answer.json()["text"]) == (200, TEXT), answer.text


@pytest.mark.parametrize(
    ("body", "encoding", "status", "reason"),
    [
        (BODY, "br", 415, "Content-Encoding br"),
        (BODY, "gzip, gzip", 415, "Content-Encoding gzip, gzip"),
        (BODY, "gzip", 400, "something else, or not all of it"),
        (gzip.compress(BODY)[:-9], "gzip", 400, "not all of it"),
        (gzip.compress(BODY) * 2, "gzip", 400, "something else"),
        (gzip.compress(b"[" * 5000), "gzip", 413, "unpacked, the body is longer than the 4,096 bytes"),
        (zlib.compress(b"[" * 5000), "deflate", 413, "unpacked"),
    ],
)
def test_what_can_t_be_unpacked_is_named(body: bytes, encoding: str, status: int, reason: str, app: App) -> None:
    answer = app.post("/v1/parse", body, content_encoding=encoding)
    assert (answer.status_code, reason in answer.json()["error"]) == (status, True), answer.text
    assert answer.headers.get("accept-encoding") == ("gzip, deflate" if status == 415 else None)


@pytest.mark.parametrize(
    "charset", ["latin-1", "windows-1252", "UTF-8", "utf-16", "utf-32-be", "iso-8859-15", "gb18030"]
)
def test_charsets(charset: str, app: App) -> None:
    body = json.dumps({"text": "café"}, ensure_ascii=False).encode(charset)
    answer = app.post("/v1/parse", body, content_type=f'application/json; charset="{charset}"')
    assert (answer.status_code, answer.json()["text"]) == (200, "café"), answer.text


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-32-le"])
def test_what_json_says_of_itself_needs_no_name(encoding: str, app: App) -> None:
    assert app.post("/model/parse", '{"text": "café"}'.encode(encoding)).json()["text"] == "café"


@pytest.mark.parametrize(
    ("body", "kind", "status", "reason"),
    [
        ('{"text": "café"}'.encode("latin-1"), "application/json", 400, "not utf-8, byte 0xe9 at 13"),
        ('{"text": "café"}'.encode(), "application/json; charset=ascii", 400, "not ascii, byte 0xc3 at 13"),
        (BODY, "application/json; charset=x-unknown", 415, "charset x-unknown"),
        (BODY, "application/json; charset=punycode", 415, "charset punycode"),
        (BODY, "application/json; charset=zlib", 415, "charset zlib"),
        (b"text=hi", "application/x-www-form-urlencoded", 400, "the body is not JSON: Expecting value, at character 0"),
    ],
)
def test_what_can_t_be_read_is_named(body: bytes, kind: str, status: int, reason: str, app: App) -> None:
    answer = app.post("/v1/parse", body, content_type=kind)
    assert (answer.status_code, reason in answer.json()["error"]) == (status, True), answer.text


# --- probes and browsers ----------------------------------------------------------------------------------------------


def test_head_works_wherever_get_does(app: App) -> None:
    paths = [
        path.replace("{name}", "default")
        for path, methods in app.app.openapi()["paths"].items()
        if "get" in methods
    ]  # fmt: skip
    assert {"/livez", "/readyz", "/v1/models/default"} <= set(paths)
    for path in (*paths, "/", "/page.js", "/openapi.json"):
        head, got = app("HEAD", path), app("GET", path)
        assert (head.status_code, head.content) == (200, b""), path
        assert head.headers["content-type"] == got.headers["content-type"]
        if path != "/metrics":  # which counts this, too
            assert head.headers["content-length"] == str(len(got.content))
    assert app("HEAD", "/nowhere").status_code == 404
    assert (app("HEAD", "/v1/parse").status_code, app("HEAD", "/v1/parse").headers["allow"]) == (405, "POST")
    assert app("PUT", "/livez").headers["allow"] == "GET, HEAD"


def full(*_: Any) -> Any:
    raise FullError


def broken(*_: Any) -> Any:
    raise RuntimeError("for a test")


@pytest.mark.parametrize(
    ("status", "request_", "headers"),
    [
        (200, ("POST", "/v1/parse", BODY), {}),
        (400, ("POST", "/v1/parse", b"{"), {}),
        (401, ("POST", "/v1/parse", BODY), {"authorization": "Bearer wrong"}),
        (404, ("GET", "/nowhere", b""), {}),
        (405, ("PUT", "/v1/parse", BODY), {}),
        (413, ("POST", "/v1/parse", b"x" * 2001), {}),
        (413, ("POST", "/v1/parse", gzip.compress(b"x" * 2001)), {"content-encoding": "gzip"}),
        (415, ("POST", "/v1/parse", BODY), {"content-encoding": "br"}),
        (422, ("POST", "/v1/parse", b"{}"), {}),
        (429, ("POST", "/v1/parse", BODY), {}),
        (500, ("POST", "/v1/parse", BODY), {}),
        (504, ("POST", "/v1/parse", BODY), {}),
    ],
)
def test_refusals_have_the_headers_that_let_a_page_read_them(
    status: int, request_: Any, headers: Any, guarded: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = threading.Event()
    if status in (429, 500):
        monkeypatch.setattr(guarded.served.batcher, "submit", full if status == 429 else broken)
    if status == 504:
        guarded.app.state.nlu_kit.settings = ServeSettings(models={}, timeout=0.05)
        monkeypatch.setattr(guarded.served.batcher, "parse", lambda texts: waiting.wait(10) and [])
    method, path, content = request_
    answer = guarded(method, path, content=content, headers={**RIGHT, "origin": SITE, **headers})
    waiting.set()
    assert answer.status_code == status, answer.text
    assert answer.headers["access-control-allow-origin"] == SITE
    assert "retry-after" in answer.headers["access-control-expose-headers"]
    assert len(answer.headers["x-request-id"]) == 32
    assert status == 200 or isinstance(answer.json()["error"], str)


def test_a_browser_may_ask_whether_it_may_without_the_token(guarded: App) -> None:
    asking = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    answer = guarded("OPTIONS", "/v1/parse", headers={"origin": SITE, **asking})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, SITE)
    other = guarded("OPTIONS", "/v1/parse", headers={"origin": "https://b.example", **asking})
    assert "access-control-allow-origin" not in other.headers


# --- behind a proxy ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["/nlu", ""], ids=["kept by the proxy", "taken away by it"])
def test_everything_stays_inside_the_prefix(before: str, start_app: Callable[..., App]) -> None:
    app = start_app(root_path="/nlu")
    for page in ("/", "", "//"):
        assert '<base href="/nlu/">' in app("GET", f"{before}{page}" or "/").text
    for end in ("", "/"):
        assert app.post(f"{before}/v1/parse{end}").json()["text"] == TEXT, "and nothing is a redirect"
        assert app("GET", f"{before}/livez{end}").json() == {"status": "alive"}
    for path in re.findall(r'(?:href|src)="([^/"]+)"', app("GET", "/").text):
        assert app("GET", f"{before}/{path}").status_code == 200
    assert app("GET", f"{before}/openapi.json").json()["servers"] == [{"url": "/nlu"}]
    assert 'path="/v1/parse"' in app("GET", f"{before}/metrics").text
    assert app.post(f"{before}/nlux/v1/parse").status_code == 404


@pytest.mark.parametrize("root", ["/nlu", "/nlu/", "/"])
def test_a_prefix_that_another_server_puts_before_it(root: str, app: App) -> None:
    """As Ray Serve does with ``route_prefix``."""

    async def ask() -> tuple[str, int]:
        transport = httpx.ASGITransport(app.app, root_path=root)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            inside = root.rstrip("/")
            return (await client.get(f"{inside}/")).text, (await client.get(f"{inside}/livez")).status_code

    page, status = asyncio.run(ask())
    assert status == 200
    assert re.findall(r'<base href="(.*?)">', page) == (["/nlu/"] if root != "/" else [])


def test_without_a_prefix_links_are_relative(app: App) -> None:
    page = app("GET", "/").text
    assert "<base" not in page
    assert not re.findall(r'(?:href|src)="(?:/|http)', page)


def test_a_token_is_wanted_inside_the_prefix_too(
    start_app: Callable[..., App], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLU_KIT_TOKEN", TOKEN)
    app = start_app(root_path="/nlu")
    assert [app("GET", path).status_code for path in ("/nlu/livez", "/nlu", "/nlu/v1/model")] == [200, 200, 401]
    assert app.post(f"/nlu/model/parse?token={TOKEN}").status_code == 200


@pytest.mark.parametrize(
    ("prefix", "path", "expected"),
    [
        ("", "/", "/"),
        ("", "/livez/", "/livez"),
        ("/nlu", "/nlu", "/"),
        ("/nlu", "/nlu/", "/"),
        ("/nlu", "/nlu/v1/parse", "/v1/parse"),
        ("/nlu", "/nlux", "/nlux"),
        ("/a/b", "/a/b/livez", "/livez"),
        ("/nlu", "", "/"),
    ],
)
def test_paths_within_a_prefix(prefix: str, path: str, expected: str) -> None:
    assert within(prefix, path) == expected


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"root_path": "nlu"}, "write it as /nlu"),
        ({"root_path": "/nlu/"}, "write it as /nlu"),
        ({"root_path": "//a.example"}, "write it as /nlu"),
        ({"root_path": "/../x"}, "write it as /nlu"),
        ({"root_path": '/"><script>'}, "write it as /nlu"),
        ({"root_path": "/v1/nlu"}, "the server's own paths begin with /v1"),
        ({"cors": ("https://a.example/",)}, "write it as browsers do"),
        ({"cors": ("a.example",)}, "write it as browsers do"),
        ({"cors": ("https://A.example",)}, "write it as browsers do"),
    ],
)
def test_settings_that_can_t_be_right(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=re.escape(reason)):
        ServeSettings(models={}, **settings).check()
    ServeSettings(models={}, root_path="/a/b-c.d", cors=("*", "null", "http://localhost:3000")).check()


def test_the_servers_own_paths_are_all_known(app: App) -> None:
    assert {route.path.split("/")[1] for route in app.app.routes} == {"", *OWN}
