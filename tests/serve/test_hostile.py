"""A thousand hostile requests: each is refused or answered, no worker dies, and honest ones are answered meanwhile."""

from __future__ import annotations

import random
import re
import socket
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

ROUNDS, BODY, TIMEOUT = 40, 4096, 1.0
Sent = list[bytes]
"""What is sent, piece by piece; a pause of a moment lies between pieces."""


def post(body: bytes, path: str = "/v1/parse", *headers: str, length: int | None = None) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: a", "content-type: application/json", *headers]
    if not any(line.startswith(("content-length", "transfer-encoding")) for line in headers):
        lines.append(f"content-length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunked(*chunks: bytes) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    return post(body, "/v1/parse", "transfer-encoding: chunked")


def rubbish(chance: random.Random, count: int) -> bytes:
    return chance.randbytes(chance.randint(1, count))


GOOD = post(b'{"text": "play jazz"}')
WRONG_BODIES = [b"[]", b"3", b'{"text": {}}', b'{"texts": {"a": 1}}', b'{"text": null}']
WRONG_PARAMETERS = [b'"top_k": -1}', b'"threshold": 1e999}', b'"x": 1}']
WRONG_LENGTHS = ["-1", "1e3", "x", "\xb2", "9" * 30]
METHODS = [b"PUT", b"DELETE", b"TRACE", b"BREW"]
NAMES = ["..", "../../etc/passwd", "%2e%2e%2fx", "..%2f", "%00"]
HOSTILE: dict[str, Callable[[random.Random], Sent]] = {
    "huge body": lambda c: [post(b'{"text": "' + b"a" * (BODY * 4) + b'"}')],
    "huge body in chunks": lambda c: [chunked(*[b"a" * 1000] * 20)],
    "a length that never comes": lambda c: [post(b"{", length=c.randint(2, 10**12))],
    "slow body": lambda c: [post(b"", length=200), *[b" "] * 8],
    "slow head": lambda c: [b"POST /v1/parse HTT", b"P/1.1\r\nhost:", b" a\r\n", b"content-"],
    "wrong types": lambda c: [post(c.choice(WRONG_BODIES))],
    "wrong parameters": lambda c: [post(b'{"text": "a", ' + c.choice(WRONG_PARAMETERS))],
    "numbers without end": lambda c: [post(b'{"text": "a", "top_k": ' + b"9" * 4000 + b"}")],
    "nested": lambda c: [post(b'{"text": ' + b"[" * 2000)],
    "nested and closed": lambda c: [post(b'{"text": ' + b"[" * 1900 + b"]" * 1900 + b"}")],
    "broken UTF-8": lambda c: [post(b'{"text": "' + bytes([c.randint(128, 255)]) + b'"}')],
    "half a surrogate pair": lambda c: [post(rb'{"text": "\ud83d", "texts": null}')],
    "control characters": lambda c: [post(b'{"text": "' + bytes([c.randint(0, 31)]) + b'\\u0000\\u001b[2J"}')],
    "control characters in the head": lambda c: [b"POST /v1/par\x00se HTTP/1.1\r\nhost: a\r\nx: \x1b[2J\r\n\r\n"],
    "pipelined": lambda c: [GOOD * 20],
    "pipelined, some of it broken": lambda c: [(GOOD + post(b"{") + post(b"", "/nowhere")) * 4 + b"\x00"],
    "out of the folder": lambda c: [
        post(b'{"text": "a"}', f"/v1/models/{c.choice(NAMES)}/parse")
    ],
    "another's reload": lambda c: [post(b"", "/v1/models/default/reload")],
    "no HTTP": lambda c: [rubbish(c, 500)],
    "HTTP 2": lambda c: [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + rubbish(c, 100)],
    "endless header": lambda c: [b"GET / HTTP/1.1\r\nx: " + b"a" * 200_000],
    "many headers": lambda c: [b"GET /livez HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * 2000 + b"\r\n"],
    "two lengths": lambda c: [post(b'{"text": "a"}', "/v1/parse", "content-length: 13", "content-length: 5")],
    "length and chunks": lambda c: [post(b"0\r\n\r\n", "/v1/parse", "content-length: 5", "transfer-encoding: chunked")],
    "no such length": lambda c: [post(b"{}", "/v1/parse", f"content-length: {c.choice(WRONG_LENGTHS)}")],
    "no such chunk": lambda c: [post(b"zz\r\n{}\r\n0\r\n\r\n", "/v1/parse", "transfer-encoding: chunked")],
    "expecting": lambda c: [post(b"", "/v1/parse", "expect: 100-continue", length=50)],
    "upgrading": lambda c: [b"GET /v1/parse HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"],
    "another method": lambda c: [b"%b /v1/parse HTTP/1.1\r\nhost: a\r\n\r\n" % c.choice(METHODS)],
    "another form": lambda c: [post(b"text=a", "/v1/parse", "content-type: text/plain", "content-encoding: gzip")],
}  # fmt: skip


def attack(port: int, pieces: Sent, chance: random.Random) -> list[int]:
    """The statuses that came back. Some hang up early, and some close their half and listen."""
    ending = chance.choice(["listen", "listen", "half", "hang up"])
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT + 4) as line, suppress(OSError):
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(0.05)
            line.sendall(piece)
        if ending == "half":
            line.shutdown(socket.SHUT_WR)
        line.settimeout(0.5 if len(pieces) == 1 else TIMEOUT + 1)
        while ending != "hang up" and (part := line.recv(1 << 16)):
            said += part
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", said)]


def workers(pid: int) -> list[str]:
    return sorted(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="workers are looked up in /proc")
def test_a_thousand_hostile_requests(start: Any, exported: Path) -> None:
    server = start("--model", str(exported), "--workers", "2", "--body", str(BODY), "--timeout", str(TIMEOUT))
    port = int(server.url.rpartition(":")[2])
    before = workers(server.process.pid)
    assert len(before) >= 2
    expected = server.post("/v1/parse", {"text": "play jazz"}).json()
    jobs = [(name, seed) for seed in range(ROUNDS) for name in HOSTILE]
    assert len(jobs) >= 1000

    def run(job: tuple[str, int]) -> tuple[str, list[int]]:
        name, seed = job
        chance = random.Random(f"{name} {seed}")
        return name, attack(port, HOSTILE[name](chance), chance)

    with ThreadPoolExecutor(32) as pool:
        attacked = pool.map(run, jobs)
        honest = [server.post("/v1/parse", {"text": "play jazz"}) for _ in range(50)]
        statuses: dict[str, Counter[int]] = {name: Counter() for name in HOSTILE}
        for name, found in attacked:
            statuses[name].update(found)
    assert {answer.status_code for answer in honest} == {200}
    assert all(answer.json()["intent"]["name"] == expected["intent"]["name"] for answer in honest)
    assert not {name: found for name, found in statuses.items() if any(status >= 500 for status in found)}
    assert workers(server.process.pid) == before, server.log.read_text()[-3000:]
    assert "Traceback" not in server.log.read_text()
    for name in ("huge body", "broken UTF-8", "wrong types", "two lengths", "no such length"):
        assert set(statuses[name]) & {400, 413, 422} == set(statuses[name]) != set(), (name, statuses[name])
    assert statuses["pipelined"][200] > 100
