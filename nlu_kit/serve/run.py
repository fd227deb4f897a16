"""Run the server: one process a core, which are replaced when they die, and drain when they are asked to end."""

from __future__ import annotations

import math
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from nlu_kit.errors import DataError
from nlu_kit.model.folder import SavedModel
from nlu_kit.serve.accepting import LISTENING
from nlu_kit.serve.copies import Copies, shared_folder
from nlu_kit.serve.listening import bind
from nlu_kit.serve.metrics import SHARED_VARIABLE
from nlu_kit.serve.settings import ServeSettings

_FILES, _LEAST = 4096, 64
"""How many files and connections a process wants to have open, and how many it needs to start."""


def serve(
    settings: ServeSettings,
    *,
    models: Mapping[str, SavedModel],
    host: str,
    port: int,
    workers: int,
    listening: Callable[[], None],
) -> None:
    """Serve until a signal; what has been taken then is answered, within the time that a request may take. ``models``
    are those of the settings, opened. ``listening`` is called, in a thread, once connections are taken.

    Raises DataError where it can't listen there, or a process may have too few files open, ModelError where a model
    can't be copied.
    """
    _open_files()
    sockets = bind(host, port)
    # uvicorn ends what it serves, and then sends itself the signal again: what is open here is to be closed, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with shared_folder() as shared:
        copies = Copies(shared)
        for name, saved in models.items():
            copies.publish(name, copies.take(name, saved))
        if workers > 1:
            os.environ[SHARED_VARIABLE] = str(shared)
            # Models come and go in several threads; glibc would keep what each of them has freed for that thread.
            os.environ.setdefault("MALLOC_ARENA_MAX", "1")
        replace(settings, shared=str(shared)).to_environment()
        threading.Thread(target=_wait, args=(shared / LISTENING, listening), daemon=True).start()
        config = uvicorn.Config(
            "nlu_kit.serve.app:from_environment",
            factory=True,
            http="nlu_kit.serve.protocol:PromptProtocol",
            loop="nlu_kit.serve.accepting:sharing_loop",
            workers=workers,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=settings.keep_alive,
            timeout_graceful_shutdown=math.ceil(settings.timeout),
            h11_max_incomplete_event_size=64 << 10,
        )
        with suppress(KeyboardInterrupt):
            _run(config, sockets)


def _run(config: uvicorn.Config, sockets: list[socket.socket]) -> None:
    if config.workers == 1:
        try:
            uvicorn.Server(config).run(sockets)
            failed = False
        except SystemExit as error:
            failed = error.code == STARTUP_FAILURE
    else:
        supervisor = Multiprocess(config, sockets)
        supervisor.run()
        failed = any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes)
    if failed:
        raise DataError("the server could not start")


def _wait(file: Path, listening: Callable[[], None]) -> None:
    while file.parent.exists():  # it is gone with the server
        if file.exists():
            listening()
            return
        time.sleep(0.05)


def _open_files() -> None:
    """As many as wanted, or as the system lets us have. Raises DataError where a process would not even start: it would
    be replaced for ever."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < _LEAST:
        raise DataError(f"a process of the server may open {most} files here, and needs {_LEAST}: ulimit -n 1024")
