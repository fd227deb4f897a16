"""The application: one worker's models, routes and guards."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import FrameType

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException

from nlu_kit import __version__
from nlu_kit.errors import DataError, NluKitError
from nlu_kit.serve.bodies import Bodies
from nlu_kit.serve.guards import Guards
from nlu_kit.serve.metrics import Metrics
from nlu_kit.serve.models import Models
from nlu_kit.serve.routes import add_routes
from nlu_kit.serve.settings import ServeSettings
from nlu_kit.serve.shapes import Answer
from nlu_kit.serve.state import State

_log = logging.getLogger("nlu_kit.serve")
_LOOK = 1.0  # seconds between looks at what other workers have reloaded


def from_environment() -> FastAPI:
    """What each worker runs. It logs JSON, a line a request, to stderr."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("nlu_kit").setLevel(logging.INFO)
    return create_app(ServeSettings.from_environment())


def create_app(settings: ServeSettings) -> FastAPI:
    """The application with its models loaded. Raises ModelError where one can't be used, DataError for its token."""
    metrics = Metrics()
    state = State(settings, metrics, Models(settings, told=metrics.batches.observe), settings.token())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(_follow(state)) if settings.shared else None
        _drain_first(state)
        with suppress(asyncio.CancelledError):  # where the server can't listen it is never asked to end
            yield
        if watching is not None:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        state.models.close()

    app = FastAPI(
        title="nlu-kit",
        version=__version__,
        description="Intents and entities of texts.",
        lifespan=lifespan,
        default_response_class=Answer,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # Guards take the slash away: a redirect would name the host that the proxy asked for
    )
    app.state.nlu_kit = state
    add_routes(app, state)
    _errors(app)
    known = {route.path for route in app.routes if hasattr(route, "path")}
    app.add_middleware(Bodies, most=settings.body)
    app.add_middleware(
        Guards,
        token=state.token,
        body=settings.body,
        timeout=settings.timeout,
        metrics=metrics,
        prefix=settings.root_path,
        paths=lambda path: path if path in known else "/v1/models" if path.startswith("/v1/models/") else "other",
    )
    if settings.cors:  # around the guards, for a page may read a refusal only with these headers
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors),
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["x-request-id", "retry-after"],
        )
    return app


def _drain_first(state: State) -> None:
    """At SIGTERM, say for ``drain`` seconds that this worker is not ready, so that a load balancer sends nothing more;
    only then let the server end."""
    if not state.settings.drain or threading.current_thread() is not threading.main_thread():
        return
    ending, loop = signal.getsignal(signal.SIGTERM), asyncio.get_running_loop()

    def drain(number: int, frame: FrameType | None) -> None:
        if not state.draining and callable(ending):
            state.draining = True
            loop.call_soon_threadsafe(loop.call_later, state.settings.drain, ending, number, frame)

    signal.signal(signal.SIGTERM, drain)


async def _follow(state: State) -> None:
    """Reload what another worker of this server has reloaded. End where the process that began them all is gone: who is
    left would keep the port from the next server."""
    parent = multiprocessing.parent_process()
    while True:
        await asyncio.sleep(_LOOK)
        if parent is not None and not parent.is_alive():
            if state.settings.shared is not None:  # the parent would have removed it
                shutil.rmtree(state.settings.shared, ignore_errors=True)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        for served in state.models.served.values():
            try:
                await asyncio.to_thread(served.follow)
            except NluKitError as error:
                _log.error(f"the model '{served.name}' stays as it was: {error}")


def _errors(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Answer:
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        if headers.get("allow") == "GET":
            headers["allow"] = "GET, HEAD"
        return Answer({"error": error.detail}, error.status_code, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def wrong(_: Request, error: RequestValidationError) -> Answer:
        problems = error.errors()
        if problems[0]["type"] == "json_invalid":
            reason = f"the body is not JSON: {problems[0]['ctx']['error']}, at character {problems[0]['loc'][-1]}"
            return Answer({"error": reason}, 400)
        reasons = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in problems]
        return Answer({"error": "; ".join(reasons)}, 422)

    @app.exception_handler(NluKitError)
    async def ours(_: Request, error: NluKitError) -> Answer:
        return Answer({"error": str(error)}, 404 if isinstance(error, DataError) else 409)
