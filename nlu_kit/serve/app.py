"""The application: its routes, and what each answers."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from types import FrameType
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException

from nlu_kit import __version__
from nlu_kit.data.prediction import Prediction
from nlu_kit.errors import DataError, NluKitError
from nlu_kit.serve.batching import FullError
from nlu_kit.serve.guards import Guards
from nlu_kit.serve.metrics import Metrics
from nlu_kit.serve.models import Models, Served
from nlu_kit.serve.settings import ServeSettings
from nlu_kit.serve.shapes import Answer, ParseRequest, RasaRequest, answer, rasa_answer

_log = logging.getLogger("nlu_kit.serve")
_LOOK = 1.0  # seconds between looks at what other workers have reloaded
RASA = "3.6.20"
"""The version of Rasa whose answers these are like; clients compare it."""
PAGE = {
    "/": ("index.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'"
)


@dataclass
class State:
    """Of one worker."""

    settings: ServeSettings
    metrics: Metrics
    models: Models
    token: str | None
    draining: bool = False


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
    )
    app.state.nlu_kit = state
    _routes(app, state)
    _errors(app)
    if settings.cors:
        app.add_middleware(CORSMiddleware, allow_origins=list(settings.cors), allow_methods=["*"], allow_headers=["*"])
    known = {route.path for route in app.routes if hasattr(route, "path")}
    app.add_middleware(
        Guards,
        token=state.token,
        body=settings.body,
        timeout=settings.timeout,
        metrics=metrics,
        paths=lambda path: path if path in known else "/v1/models" if path.startswith("/v1/models/") else "other",
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


def _routes(app: FastAPI, state: State) -> None:
    @app.post("/v1/parse", summary="Parse one text, or several.")
    async def parse(request: ParseRequest) -> Any:
        return await _parse(state, state.models.get(None), request)

    @app.post("/v1/models/{name}/parse", summary="The same, by one of several models.")
    async def parse_with(name: str, request: ParseRequest) -> Any:
        return await _parse(state, state.models.get(name), request)

    @app.post("/model/parse", summary="Parse one text; answers as Rasa does.")
    async def parse_like_rasa(request: RasaRequest) -> Any:
        (found,) = await _predicted(state, state.models.get(None), [request.text])
        return Answer(rasa_answer(found, fallback=state.settings.fallback))

    @app.get("/v1/model", summary="What the model is: labels, figures, plugins, hashes.")
    async def model() -> Any:
        return state.models.get(None).current.describe()

    @app.get("/v1/models", summary="The models' names.")
    async def models() -> Any:
        return {"models": list(state.models.served), "default": state.models.first}

    @app.get("/v1/models/{name}", summary="What one of several models is.")
    async def one_model(name: str) -> Any:
        return state.models.get(name).current.describe()

    @app.post("/v1/models/{name}/reload", summary="Load what is in the model's folder now. Needs a token.")
    async def reload(name: str) -> Any:
        served = state.models.get(name)
        if not state.settings.reloads:
            raise HTTPException(409, "this server's replicas are not reloaded but replaced: deploy it again")
        if state.token is None:
            raise HTTPException(403, "this server has no token, and without one nobody may reload: see --token-file")
        loaded = await asyncio.to_thread(served.reload)
        return {"model": name, "folder": str(loaded.folder)}

    @app.get("/status", summary="As Rasa's clients ask it.")
    async def status() -> Any:
        loaded = state.models.get(None).current
        return {"model_file": loaded.folder.name, "fingerprint": {}, "num_active_training_jobs": 0}

    @app.get("/version", summary="As Rasa's clients ask it.")
    async def version() -> Any:
        return {"version": RASA, "minimum_compatible_version": "3.0.0", "nlu_kit": __version__}

    @app.get("/livez", summary="Whether the process answers.")
    async def livez() -> Any:
        return {"status": "alive"}

    @app.get("/readyz", summary="Whether it takes requests: 503 while it drains.")
    async def readyz() -> Any:
        return Answer({"status": "draining"}, 503) if state.draining else {"status": "ready"}

    @app.get("/metrics", summary="For Prometheus.", response_class=Response)
    async def metrics() -> Response:
        state.metrics.waiting.set(sum(served.batcher.waiting for served in state.models.served.values()))
        return Response(state.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    if state.settings.page:
        for path, (file, kind) in PAGE.items():
            app.add_api_route(path, _asset(file, kind), methods=["GET"], include_in_schema=False)


def _asset(file: str, kind: str) -> Any:
    content = (files("nlu_kit.serve") / "page" / file).read_bytes()
    headers = {"content-security-policy": _POLICY, "x-content-type-options": "nosniff", "cache-control": "no-cache"}

    async def asset() -> Response:
        return Response(content, media_type=f"{kind}; charset=utf-8", headers=headers)

    return asset


# --- parsing ----------------------------------------------------------------------------------------------------------


async def _parse(state: State, served: Served, request: ParseRequest) -> Answer:
    """The response itself, here and for Rasa: whatever else is returned FastAPI would walk through, and copy."""
    shape: Mapping[str, Any] = {"top_k": request.top_k, "threshold": request.threshold}
    if (request.text is None) == (request.texts is None):
        raise HTTPException(422, "send either 'text', one text, or 'texts', a list of them")
    if request.text is not None:
        _check_text(state, request.text)
        (found,) = await _predicted(state, served, [request.text])
        return Answer(answer(found, **shape))
    texts = request.texts or []
    if len(texts) > state.settings.texts:
        raise HTTPException(422, f"{len(texts):,} texts, and this server takes {state.settings.texts:,} in a request")
    wrong = {position: why for position, text in enumerate(texts) if (why := _wrong(state, text))}
    good = [text for position, text in enumerate(texts) if position not in wrong]
    predictions = iter(await _predicted(state, served, good) if good else [])
    answers = [
        {"error": wrong[position]} if position in wrong else answer(next(predictions), **shape)
        for position in range(len(texts))
    ]
    return Answer({"predictions": answers})


def _check_text(state: State, text: str) -> None:
    if why := _wrong(state, text):
        raise HTTPException(422, why)


def _wrong(state: State, text: Any) -> str | None:
    if not isinstance(text, str):
        return "not a text"
    if len(text) > state.settings.characters:
        return f"{len(text):,} characters, and this server takes {state.settings.characters:,} in a text"
    return None


async def _predicted(state: State, served: Served, texts: Sequence[str]) -> list[Prediction]:
    for text in texts:
        _check_text(state, text)
    try:
        waiting = served.batcher.submit(texts)
    except FullError:
        said = f"{state.settings.queue:,} texts are waiting already: try again in a second"
        raise HTTPException(429, said, headers={"retry-after": "1"}) from None
    try:
        found = await asyncio.wait_for(asyncio.wrap_future(waiting), state.settings.timeout)
    except asyncio.TimeoutError:
        raise HTTPException(504, f"no answer within {state.settings.timeout:g} s") from None
    state.metrics.answered(served.name, found)
    if state.settings.log_texts:
        for prediction in found:
            _log.info(str(prediction.to_json()))
    return found


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


# --- errors -----------------------------------------------------------------------------------------------------------


def _errors(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Answer:
        return Answer({"error": error.detail}, error.status_code, headers=dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def wrong(_: Request, error: RequestValidationError) -> Answer:
        said = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        unreadable = any(each["type"] == "json_invalid" for each in error.errors())
        return Answer({"error": "; ".join(said)}, 400 if unreadable else 422)

    @app.exception_handler(Exception)
    async def fault(_: Request, error: Exception) -> Answer:
        return Answer({"error": f"a fault of the server: {type(error).__name__}"}, 500)

    @app.exception_handler(NluKitError)
    async def ours(_: Request, error: NluKitError) -> Answer:
        return Answer({"error": str(error)}, 404 if isinstance(error, DataError) else 409)
