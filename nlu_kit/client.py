"""Ask a server for what a model here would say: ``Client("http://localhost:8000")("book a table in Paris")``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nlu_kit.arguments import strings
from nlu_kit.data.prediction import EntityPrediction, LabelPrediction, Prediction
from nlu_kit.errors import MissingPackageError, NluKitError

if TYPE_CHECKING:
    import httpx

TOKEN_VARIABLE = "NLU_KIT_TOKEN"
BATCH = 64
"""Texts a request: few enough for any server's limits."""


class ServerError(NluKitError):
    """What the server answered, or that it did not."""


class Client:
    """``client(text)`` and ``client.parse_many(texts)``, as a Predictor's. ``async with AsyncClient(url)`` awaits."""

    def __init__(self, url: str, *, model: str | None = None, token: str | None = None, timeout: float = 30.0) -> None:
        """``model``: the name of one of several. Raises MissingPackageError without httpx."""
        self._http = _httpx().Client(base_url=url, headers=_headers(token), timeout=timeout)
        self._path = _path(model)

    def __call__(self, text: str) -> Prediction:
        return self.parse_many([text])[0]

    def parse_many(self, texts: Iterable[str]) -> list[Prediction]:
        """Predictions in the texts' order. Raises ServerError where one was refused, or the server does not answer."""
        found: list[Prediction] = []
        for batch in _batches(texts):
            try:
                answer = self._http.post(self._path, json={"texts": batch})
            except _httpx().HTTPError as error:
                raise _unreached(self._http.base_url, error) from error
            found += _predictions(answer)
        return found

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncClient:
    """The same, to be awaited."""

    def __init__(self, url: str, *, model: str | None = None, token: str | None = None, timeout: float = 30.0) -> None:
        self._http = _httpx().AsyncClient(base_url=url, headers=_headers(token), timeout=timeout)
        self._path = _path(model)

    async def __call__(self, text: str) -> Prediction:
        return (await self.parse_many([text]))[0]

    async def parse_many(self, texts: Iterable[str]) -> list[Prediction]:
        """As ``Client.parse_many``."""
        found: list[Prediction] = []
        for batch in _batches(texts):
            try:
                answer = await self._http.post(self._path, json={"texts": batch})
            except _httpx().HTTPError as error:
                raise _unreached(self._http.base_url, error) from error
            found += _predictions(answer)
        return found

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _httpx() -> Any:
    try:
        import httpx
    except ImportError as error:
        raise MissingPackageError('the client needs httpx: pip install "nlu-kit[client]"') from error
    return httpx


def _headers(token: str | None) -> dict[str, str]:
    return {} if token is None else {"authorization": f"Bearer {token}"}


def _path(model: str | None) -> str:
    from urllib.parse import quote

    return "/v1/parse" if model is None else f"/v1/models/{quote(model, safe='')}/parse"


def _batches(texts: Iterable[str]) -> list[Sequence[str]]:
    wanted = strings("texts", texts)
    return [wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH)]


def _unreached(url: Any, error: Exception) -> ServerError:
    return ServerError(f"the server at {url} does not answer: {error or type(error).__name__}")


def _predictions(answer: httpx.Response) -> list[Prediction]:
    try:
        body = answer.json()
    except ValueError:
        body = {"error": answer.text[:200]}
    if answer.status_code != 200 or "predictions" not in body:
        raise ServerError(f"the server answered {answer.status_code}: {body.get('error', body)}")
    for position, each in enumerate(body["predictions"]):
        if "error" in each:
            raise ServerError(f"the server refused text {position}: {each['error']}")
    return [_prediction(each) for each in body["predictions"]]


def _prediction(record: Mapping[str, Any]) -> Prediction:
    """What ``Prediction.to_json`` has written. Fields of others' heads stay as JSON has them."""
    fields = {key: value for key, value in record.items() if key not in ("text", "truncated")}
    if isinstance(fields.get("intent"), Mapping):
        fields["intent"] = LabelPrediction(**fields["intent"])
    if "intents" in fields:
        fields["intents"] = tuple(LabelPrediction(**each) for each in fields["intents"])
    if "entities" in fields:
        fields["entities"] = tuple(EntityPrediction(**each) for each in fields["entities"])
    return Prediction(text=record["text"], truncated=record["truncated"], fields=fields)
