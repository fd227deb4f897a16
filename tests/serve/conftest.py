"""A real server in a process of its own, on a free port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

TOKEN = "s3cret-and-long"


@dataclass
class Running:
    """A server that answers."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.url + path, timeout=20, **options)

    def post(self, path: str, body: Any, **options: Any) -> httpx.Response:
        return httpx.post(self.url + path, json=body, timeout=20, **options)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Running]]:
    """``start("--model", …)``: a server, once it is ready. ``python`` is another interpreter, other keywords are its
    environment."""
    running: list[Running] = []

    def begin(*arguments: str, python: str = sys.executable, **environment: str) -> Running:
        port = free_port()
        log = tmp_path_factory.mktemp("server") / "log.txt"
        command = [python, "-m", "nlu_kit", "serve", "--port", str(port), *arguments]
        with log.open("w") as stream:
            process = subprocess.Popen(
                command, stderr=stream, stdout=subprocess.DEVNULL, text=True, env={**os.environ, **environment}
            )
        found = Running(f"http://127.0.0.1:{port}", process, log)
        running.append(found)
        ends = time.monotonic() + 60
        while time.monotonic() < ends and process.poll() is None:
            try:
                if found.get("/readyz").status_code == 200:
                    return found
            except httpx.HTTPError:
                time.sleep(0.1)
        raise AssertionError(f"the server does not answer: {log.read_text()}")

    yield begin
    for one in running:
        if one.process.poll() is None:
            one.process.kill()


@pytest.fixture(scope="session")
def server(start: Callable[..., Running], exported: Path) -> Running:
    """One with small limits."""
    limits = ("--workers", "1", "--body", "4096", "--texts", "3", "--characters", "40", "--timeout", "5")
    return start("--model", str(exported), *limits)
