"""The processes of one server share its connections out among them."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from uvicorn.config import STARTUP_FAILURE

from nlu_kit.serve.settings import VARIABLE, ServeSettings

LISTENING = "listening"
"""The file in the server's folder that is there once a process of it listens."""
_log = logging.getLogger("nlu_kit.serve")
_TURN = 0.001  # seconds in which another process may take the next; 1,000 a second are more than it can answer


class Accepting:
    """Takes a connection, then leaves the next to others for a moment.

    An event loop takes all that wait at once: of eight connections that a client opens together, one process had all
    eight every fourth time, and the other cores nothing to do for as long as these were open.
    """

    def __init__(self, listening: socket.socket, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        self.sockets = (listening,)
        self._protocol = protocol
        self._task = asyncio.get_running_loop().create_task(self._accept())

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self.sockets[0])
                await loop.connect_accepted_socket(self._protocol, connection)
            except OSError:  # given up before it was taken; or there are too many open files
                await asyncio.sleep(0.01)
            await asyncio.sleep(_TURN)

    def close(self) -> None:
        """Take no more."""
        self._task.cancel()
        self.sockets[0].close()

    async def wait_closed(self) -> None:
        """Wait until that is so."""
        with suppress(asyncio.CancelledError):
            await self._task


def sharing_loop() -> asyncio.AbstractEventLoop:
    """The event loop of a worker: uvloop's, where that is installed."""
    base: Any = asyncio.SelectorEventLoop
    if find_spec("uvloop") is not None:
        base = import_module("uvloop").Loop

    class Sharing(base):  # type: ignore[misc]
        async def create_server(self, protocol_factory: Any, *args: Any, **options: Any) -> Any:
            listening = options.get("sock")
            if listening is None or options.get("ssl") is not None:
                server = await super().create_server(protocol_factory, *args, **options)
            else:
                listening.setblocking(False)
                try:
                    listening.listen(options["backlog"])
                except OSError as error:  # another server has begun at the same moment
                    _log.error(f"can't listen at {listening.getsockname()}: {error.strerror}")
                    raise SystemExit(STARTUP_FAILURE) from None
                server = Accepting(listening, protocol_factory)
            shared = ServeSettings.from_environment().shared if VARIABLE in os.environ else None
            if shared is not None:
                with suppress(OSError):
                    (Path(shared) / LISTENING).touch()
            return server

    loop: asyncio.AbstractEventLoop = Sharing()
    return loop
