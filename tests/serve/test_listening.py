"""A server listens at every address that it was given, and says which."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.errors import DataError
from nlu_kit.serve.listening import bind, url
from tests.serve.conftest import free_port


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as trial:
            trial.bind(("::1", 0))
    except OSError:
        return False
    return True


IPV6 = pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")


@pytest.mark.parametrize(
    ("host", "reached", "not_reached"),
    [
        ("127.0.0.1", ["127.0.0.1"], []),
        ("0.0.0.0", ["127.0.0.1"], []),
        pytest.param("::", ["127.0.0.1", "::1"], [], marks=IPV6),
        pytest.param("::1", ["::1"], ["127.0.0.1"], marks=IPV6),
        ("localhost", ["localhost"], []),
    ],
)
def test_who_reaches_it(host: str, reached: list[str], not_reached: list[str]) -> None:
    port = free_port()
    sockets = bind(host, port)
    try:
        for listening in sockets:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((reached[0], port), timeout=5)
            listening.listen()
        for address in reached:
            socket.create_connection((address, port), timeout=5).close()
        for address in not_reached:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((address, port), timeout=5)
    finally:
        for listening in sockets:
            listening.close()


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://localhost:8000"),
        ("::1", "http://[::1]:8000"),
        ("fe80::1%eth0", "http://[fe80::1%25eth0]:8000"),
        ("nlu.example", "http://nlu.example:8000"),
    ],
)
def test_its_url(host: str, shown: str) -> None:
    assert url(host, 8000) == shown


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("no.such.host.invalid", "there is no such address"),
        ("", "there is no such address"),
        ("a" * 99, "there is no such address"),
        ("192.0.2.1", "this machine can't listen there"),
        pytest.param("2001:db8::1", "0.0.0.0 is every address of IPv4", marks=IPV6),
    ],
)
def test_where_it_can_t_listen(host: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        bind(host, free_port())


def test_a_port_that_is_taken(run_cli: Any, exported: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = run_cli(tmp_path, "serve", "--model", str(exported), "--port", port, "--workers", "2")
    assert (done.returncode, f"port {port} is taken" in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr


LATE = """
import sys
from nlu_kit.cli.main import main
from nlu_kit.serve import run

bind = run.bind

def after_it_another_does(host, port):
    sockets, others = bind(host, port), bind(host, port)
    others[0].listen()
    kept.extend(others)
    return sockets

kept = []
run.bind = after_it_another_does
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_of_two_servers_that_begin_at_once_one_ends(workers: str, exported: Path) -> None:
    """Both may bind the port as long as neither listens."""
    command = ["serve", "--model", str(exported), "--port", str(free_port()), "--workers", workers]
    done = subprocess.run(
        [sys.executable, "-c", LATE, *command], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, "in use" in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr


@IPV6
@pytest.mark.parametrize("workers", ["1", "2"])
def test_both_stacks_and_idle_connections(workers: str, start: Callable[..., Any], exported: Path) -> None:
    server = start("--model", str(exported), "--host", "::", "--workers", workers, "--keep-alive", "1")
    port = int(server.url.rpartition(":")[2])
    for address in ("127.0.0.1", "::1"):
        with socket.create_connection((address, port), timeout=10) as line:
            line.sendall(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")
            assert line.recv(4096).startswith(b"HTTP/1.1 200")
            while line.recv(4096):  # the body; then it is closed, for nothing more was asked
                pass
    server.stop()
