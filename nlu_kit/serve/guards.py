"""What stands before every request: its id, a token, a limit on the body, a log line. Pure ASGI: no body is copied."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from starlette.exceptions import HTTPException

from nlu_kit.serve.metrics import Metrics

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_log = logging.getLogger("nlu_kit.serve")
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
PROBES = ("/livez", "/readyz")
OPEN = (*PROBES, "/", "/page.js", "/page.css")
"""Who asks these has no token: a load balancer, and a browser, whose page then asks for it."""


class Guards:
    """Around the application."""

    def __init__(
        self, app: App, *, token: str | None, body: int, timeout: float, metrics: Metrics, paths: Callable[[str], str]
    ) -> None:
        """``paths`` says under which name a path is counted: there must be few of them."""
        self.app, self.body, self.timeout, self.metrics, self.paths = app, body, timeout, metrics, paths
        self.token = None if token is None else token.encode()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        given = headers.get(b"x-request-id", b"")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex.encode()
        began, status = time.perf_counter(), [500]

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                status[0] = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id)]
            await send(message)

        try:
            await self._checked(scope, headers, receive, sending)
        finally:
            seconds = time.perf_counter() - began
            path = self.paths(scope["path"])
            self.metrics.requests.labels(path, str(status[0])).inc()
            self.metrics.seconds.labels(path).observe(seconds)
            if scope["path"] not in PROBES:
                said = {"method": scope["method"], "path": path, "status": status[0], "ms": round(1000 * seconds, 2)}
                _log.info(json.dumps({"request": request_id.decode(), **said}))

    async def _checked(self, scope: Message, headers: Mapping[bytes, bytes], receive: Receive, send: Send) -> None:
        asks_first = scope["method"] == "OPTIONS"  # a browser, whether another site's page may ask: without the token
        if self.token is not None and scope["path"] not in OPEN and not asks_first and not self._knows(headers):
            said = "this server wants a token: send the header 'Authorization: Bearer …'"
            await refuse(send, 401, said, headers=[(b"www-authenticate", b"Bearer")])
            return
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self.body:
            await refuse(send, 413, self._too_large())
            return
        read = 0
        ends = time.monotonic() + self.timeout

        async def receiving() -> Message:
            nonlocal read
            try:
                message = await asyncio.wait_for(receive(), max(0.001, ends - time.monotonic()))
            except asyncio.TimeoutError:
                raise HTTPException(408, f"the body did not come within {self.timeout:g} s") from None
            read += len(message.get("body", b""))
            if read > self.body:
                raise HTTPException(413, self._too_large())
            return message

        await self.app(scope, receiving, send)

    def _too_large(self) -> str:
        return f"the body is longer than the {self.body:,} bytes that this server takes"

    def _knows(self, headers: Mapping[bytes, bytes]) -> bool:
        assert self.token is not None
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), self.token)


async def refuse(send: Send, status: int, said: str, *, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    """An error without the application."""
    body = json.dumps({"error": said}).encode()
    start = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
