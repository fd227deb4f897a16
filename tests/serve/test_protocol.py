"""The body of an answer does not wait for the client to confirm its head."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol

from nlu_kit.serve.protocol import PromptProtocol


class Transport:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def get_extra_info(self, name: str) -> Any:
        return self.connection if name == "socket" else None


def test_it_sends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(H11Protocol, "connection_made", lambda self, transport: made.append(transport))
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:  # as uvicorn shares one among processes
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        with socket.create_connection(listening.getsockname()):
            connection, _ = listening.accept()
            with connection:
                assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
                transport: Any = Transport(connection)
                PromptProtocol.__new__(PromptProtocol).connection_made(transport)
                assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
                assert made == [transport]
