"""Where a server listens: the sockets that its processes share, and the URL that leads to them."""

from __future__ import annotations

import errno
import os
import socket

from nlu_kit.errors import DataError

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "localhost"}
"""Hosts that mean every address, and one to open in a browser."""
_MISSING = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def bind(host: str, port: int) -> list[socket.socket]:
    """A socket for each address of ``host``; ``::`` is every address of IPv4, too. They do not listen yet: until a
    process is ready, nobody is let in.

    Raises DataError where there is no such address here, or the port is taken or not allowed.
    """
    try:
        found = socket.getaddrinfo(host or "?", port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise DataError(f"--host {host}: there is no such address: {error}") from error
    bound: list[socket.socket] = []
    missing: OSError | None = None
    for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
        try:
            bound.append(_bound(family, address, both=host == "::"))
        except OSError as error:
            missing = error
            if error.errno not in _MISSING:  # "localhost" may have an address of IPv6 where there is no IPv6
                break
    else:
        if bound:
            return bound
    for other in bound:
        other.close()
    assert missing is not None
    raise DataError(_reason(host, port, missing)) from missing


def _bound(family: int, address: tuple[object, ...], *, both: bool) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share the port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not both)
        listening.bind(address)
    except OSError:
        listening.close()
        raise
    listening.set_inheritable(True)
    return listening


def _reason(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken: end what listens there, or choose another with --port"
    if error.errno == errno.EACCES:
        return f"port {port} is not allowed here: choose one from 1024 on with --port"
    hint = "; 0.0.0.0 is every address of IPv4" if ":" in host else ""
    return f"--host {host}: this machine can't listen there: {error.strerror}{hint}"


def url(host: str, port: int) -> str:
    """What to open in a browser here: ``http://[::1]:8000``."""
    shown = _EVERYWHERE.get(host, host)
    if ":" in shown:
        shown = f"[{shown.replace('%', '%25')}]"
    return f"http://{shown}:{port}"
