"""What stands before every request: its path within the prefix, its id, a token, a limit on the body, a log line.

Pure ASGI: no body is copied.
"""

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
from urllib.parse import parse_qs

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
RASA_PATHS = ("/model/parse", "/status", "/version")
"""Rasa's clients have their token in the query: ``?token=…``."""


class Guards:
    """Around the application."""

    def __init__(
        self,
        app: App,
        *,
        token: str | None,
        body: int,
        timeout: float,
        metrics: Metrics,
        paths: Callable[[str], str],
        prefix: str = "",
    ) -> None:
        """``paths`` says under which name a path is counted: there must be few of them. ``prefix`` is what a proxy has
        before the server's paths, whether it takes it away or not."""
        self.app, self.body, self.timeout, self.metrics, self.paths = app, body, timeout, metrics, paths
        self.token = None if token is None else token.encode()
        self.prefix = prefix

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        given = headers.get(b"x-request-id", b"")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex.encode()
        method, prefix = scope["method"], self.prefix or scope.get("root_path", "").rstrip("/")
        path = within(prefix, scope["path"])
        # Routes answer GET; who asks for the head gets the same without its body.
        scope = {**scope, "method": "GET" if method == "HEAD" else method, "root_path": prefix, "path": prefix + path}
        began, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id)]
            elif method == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._checked(scope, path, headers, receive, sending)
        except Exception as error:
            if status:
                raise
            _log.exception("a fault of the server")
            await refuse(sending, 500, f"a fault of the server: {type(error).__name__}")
        finally:
            seconds, name = time.perf_counter() - began, self.paths(path)
            self.metrics.requests.labels(name, str(status or 500)).inc()
            self.metrics.seconds.labels(name).observe(seconds)
            if path not in PROBES:
                line = {"method": method, "path": name, "status": status or 500, "ms": round(1000 * seconds, 2)}
                _log.info(json.dumps({"request": request_id.decode(), **line}))

    async def _checked(
        self, scope: Message, path: str, headers: Mapping[bytes, bytes], receive: Receive, send: Send
    ) -> None:
        if self.token is not None and path not in OPEN and not self._knows(scope, path, headers):
            reason = "this server wants a token: send the header 'Authorization: Bearer …'"
            await refuse(send, 401, reason, headers=[(b"www-authenticate", b"Bearer")])
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

    def _knows(self, scope: Message, path: str, headers: Mapping[bytes, bytes]) -> bool:
        assert self.token is not None
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), self.token):
            return True
        if path not in RASA_PATHS:
            return False
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])
        return hmac.compare_digest(asked[0].encode(), self.token)


def within(prefix: str, path: str) -> str:
    """``path`` without ``prefix``, if it has it, and without a slash at its end: ``/nlu/livez/`` is ``/livez``."""
    if prefix and (path == prefix or path.startswith(f"{prefix}/")):
        path = path[len(prefix) :]
    return path.rstrip("/") or "/"


async def refuse(send: Send, status: int, reason: str, *, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    """An error without the application."""
    body = json.dumps({"error": reason}).encode()
    start = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
