"""The routes, and what each answers."""

from __future__ import annotations

import asyncio
from html import escape
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from nlu_kit import __version__
from nlu_kit.serve.parsing import parse, predictions
from nlu_kit.serve.shapes import Answer, ParseRequest, RasaRequest, rasa_answer
from nlu_kit.serve.state import State

RASA = "3.6.20"
"""The version of Rasa whose answers these are like; clients compare it."""
PAGE = {
    "/": ("index.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'none'"
)


def add_routes(app: FastAPI, state: State) -> None:
    """All of them; the page only where the settings have it."""

    @app.post("/v1/parse", summary="Parse one text, or several.")
    async def parse_texts(request: ParseRequest) -> Any:
        return await parse(state, state.models.get(None), request)

    @app.post("/v1/models/{name}/parse", summary="The same, by one of several models.")
    async def parse_with(name: str, request: ParseRequest) -> Any:
        return await parse(state, state.models.get(name), request)

    @app.post("/model/parse", summary="Parse one text; answers as Rasa does.")
    async def parse_like_rasa(request: RasaRequest, emulation_mode: str | None = None) -> Any:
        if emulation_mode is not None:
            raise HTTPException(400, f"emulation_mode {emulation_mode}: this server answers in Rasa's own shape only")
        (prediction,) = await predictions(state, state.models.get(None), [request.text])
        return Answer(rasa_answer(prediction, fallback=state.settings.fallback))

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

    async def asset(request: Request) -> Response:
        prefix = request.scope.get("root_path", "")
        body = content
        if prefix and file == "index.html":  # its links are relative, and seen from "/nlu" they would lead out of it
            base = f'<head>\n<base href="{escape(quote(prefix))}/">'
            body = content.replace(b"<head>", base.encode(), 1)
        return Response(body, media_type=f"{kind}; charset=utf-8", headers=headers)

    return asset
