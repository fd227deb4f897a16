"""Run the server: one process a core, which are replaced when they die, and drain when they are asked to end."""

from __future__ import annotations

import math
import os
import tempfile
from dataclasses import replace

import uvicorn

from nlu_kit.serve.metrics import SHARED_VARIABLE
from nlu_kit.serve.settings import ServeSettings


def serve(settings: ServeSettings, *, host: str, port: int, workers: int) -> None:
    """Serve until a signal; what has been taken then is answered, within the time that a request may take."""
    with tempfile.TemporaryDirectory(prefix="nlu-kit-serve-") as shared:
        if workers > 1:
            os.environ[SHARED_VARIABLE] = shared
            # Models come and go in several threads; glibc would keep what each of them has freed for that thread.
            os.environ.setdefault("MALLOC_ARENA_MAX", "1")
            settings = replace(settings, shared=shared)
        settings.to_environment()
        uvicorn.run(
            "nlu_kit.serve.app:from_environment",
            factory=True,
            http="nlu_kit.serve.protocol:PromptProtocol",
            loop="nlu_kit.serve.accepting:sharing_loop",
            host=host,
            port=port,
            workers=workers,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=math.ceil(settings.timeout),
            h11_max_incomplete_event_size=64 << 10,
        )
