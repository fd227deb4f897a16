"""Bodies arrive at the routes as JSON in Unicode, whatever compression, charset and content type they were sent with.

``curl -d`` calls every body a form, and many clients send no content type at all. There is nothing but JSON that a body
here could be, so what it is called does not matter.
"""

from __future__ import annotations

import codecs
import json
import zlib
from email.message import Message as Headers

from starlette.exceptions import HTTPException

from nlu_kit.serve.guards import App, Message, Receive, Send

_WINDOWS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
"""zlib's window bits. Some clients send deflate without the header that it should have."""
_CHARSETS = ("utf-8", "utf-16", "utf-32", "ascii", "iso8859-", "cp125", "koi8-", "shift_jis", "euc_", "gb", "big5")
"""How Python's names of charsets begin. It knows others that take time with the square of a body's length."""
_LONGEST = 200  # characters of a header that are read
_DROPPED = (b"content-type", b"content-encoding", b"content-length")


class Bodies:
    """Around the application, inside of the guards."""

    def __init__(self, app: App, *, most: int) -> None:
        """``most``: bytes that a body may have once it is unpacked."""
        self.app, self.most = app, most

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        packed, charset = _described(scope["headers"])

        async def receiving() -> Message:
            """The whole body; what follows is that the client is gone. Raises HTTPException for one that can't be
            read."""
            pieces: list[bytes] = []
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return message
                pieces.append(message.get("body", b""))
                if not message.get("more_body"):
                    body = _in_unicode(self._unpacked(b"".join(pieces), packed), charset)
                    return {"type": "http.request", "body": body, "more_body": False}

        headers = [(name, value) for name, value in scope["headers"] if name.lower() not in _DROPPED]
        scope = {**scope, "headers": [*headers, (b"content-type", b"application/json")]}
        await self.app(scope, receiving, send)

    def _unpacked(self, body: bytes, packed: str) -> bytes:
        if packed in ("", "identity") or not body:
            return body
        if packed not in _WINDOWS:
            reason = f"Content-Encoding {packed}: send the body as it is, or packed by gzip or deflate"
            raise HTTPException(415, reason, headers={"accept-encoding": "gzip, deflate"})
        for window in _WINDOWS[packed]:
            stream = zlib.decompressobj(window)
            try:
                plain = stream.decompress(body, self.most + 1)
            except zlib.error:
                continue
            if len(plain) > self.most:
                raise HTTPException(413, f"unpacked, the body is longer than the {self.most:,} bytes allowed")
            if stream.eof and not stream.unused_data:
                return plain
        raise HTTPException(400, f"Content-Encoding {packed}: the body is something else, or not all of it")


def _described(headers: list[tuple[bytes, bytes]]) -> tuple[str, str | None]:
    """How a body is packed, and its charset, as its headers have it."""
    packed = b", ".join(value for name, value in headers if name.lower() == b"content-encoding")
    kind = b"".join(value for name, value in headers if name.lower() == b"content-type").decode("latin-1")
    parsed = Headers()
    parsed["content-type"] = kind[:_LONGEST]
    return packed.decode("latin-1").strip().lower()[:_LONGEST], parsed.get_content_charset()


def _in_unicode(body: bytes, charset: str | None) -> bytes:
    """In UTF-8, or as JSON allows it. Half a surrogate pair goes through: JSON has them as escapes, too."""
    try:
        name = codecs.lookup(charset or json.detect_encoding(body)).name
    except (LookupError, ValueError):
        name = ""
    if not name.startswith(_CHARSETS):
        raise HTTPException(415, f"charset {charset}: this server does not read it; send the body in UTF-8")
    try:
        text = body.decode(name, "surrogatepass")
    except UnicodeDecodeError as error:
        where = f"byte 0x{body[error.start]:02x} at {error.start} is none of it"
        hint = "" if charset else ": name the charset in Content-Type, or send UTF-8"
        raise HTTPException(400, f"the body is not {name}, {where}{hint}") from None
    return text.encode("utf-8", "surrogatepass") if charset else body
