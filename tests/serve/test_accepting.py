"""No process takes all connections that wait."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from nlu_kit.serve import accepting as module
from nlu_kit.serve.accepting import sharing_loop


class Taken(asyncio.Protocol):
    """Remembers its transport and says hello."""

    def __init__(self, taken: list[Any]) -> None:
        self.taken = taken

    def connection_made(self, transport: Any) -> None:
        self.taken.append(transport)
        transport.write(b"hello")


@pytest.fixture(params=["uvloop", "asyncio"], autouse=True)
def loops(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "asyncio":
        monkeypatch.setattr(module, "find_spec", lambda name: None)
    else:
        pytest.importorskip("uvloop")


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen(64)
        yield bound


@contextmanager
def worker(listening: socket.socket) -> Iterator[list[Any]]:
    """A loop in a thread that takes what connects, as a process of the server does."""
    taken: list[Any] = []
    loop = sharing_loop()
    ready, over = threading.Event(), asyncio.Event()

    async def serve() -> None:
        server = await loop.create_server(lambda: Taken(taken), sock=listening.dup(), backlog=64)
        ready.set()
        await over.wait()
        server.close()
        await server.wait_closed()
        for transport in taken:
            transport.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        yield taken
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        assert not thread.is_alive()
        loop.close()


def until(check: Any) -> None:
    ends = time.monotonic() + 10
    while not check() and time.monotonic() < ends:
        time.sleep(0.005)
    assert check()


def test_what_connects_at_once_is_shared_out(listening: socket.socket) -> None:
    with worker(listening) as one, worker(listening) as other:
        clients = [socket.create_connection(listening.getsockname()) for _ in range(16)]
        until(lambda: len(one) + len(other) == 16)
        assert min(len(one), len(other)) >= 2
        assert [client.recv(5) for client in clients] == [b"hello"] * 16
        for client in clients:
            client.close()


def test_a_client_that_gives_up_first_harms_nobody(listening: socket.socket) -> None:
    gone = socket.create_connection(listening.getsockname())
    gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # closes with a reset
    gone.close()
    with worker(listening) as taken, socket.create_connection(listening.getsockname()) as client:
        assert client.recv(5) == b"hello"
        assert taken


def test_without_a_shared_socket_it_is_the_loop_s_own_server() -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: Taken([]), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read(5) == b"hello"
        writer.close()
        server.close()

    loop = sharing_loop()
    loop.run_until_complete(serve())
    loop.close()
