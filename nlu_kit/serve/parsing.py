"""A request's texts go to the model, within the server's limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException

from nlu_kit.data.prediction import Prediction
from nlu_kit.serve.batching import FullError
from nlu_kit.serve.models import Served
from nlu_kit.serve.shapes import Answer, ParseRequest, answer
from nlu_kit.serve.state import State

_log = logging.getLogger("nlu_kit.serve")


async def parse(state: State, served: Served, request: ParseRequest) -> Answer:
    """The response itself, here and for Rasa: whatever else is returned FastAPI would walk through, and copy.

    Raises HTTPException for a request that is wrong, and as ``predictions`` does.
    """
    shape: Mapping[str, Any] = {"top_k": request.top_k, "threshold": request.threshold}
    if (request.text is None) == (request.texts is None):
        raise HTTPException(422, "send either 'text', one text, or 'texts', a list of them")
    if request.text is not None:
        (prediction,) = await predictions(state, served, [request.text])
        return Answer(answer(prediction, **shape))
    texts = request.texts or []
    if len(texts) > state.settings.texts:
        raise HTTPException(422, f"{len(texts):,} texts, and this server takes {state.settings.texts:,} in a request")
    wrong = {position: reason for position, text in enumerate(texts) if (reason := _wrong(state, text))}
    good = [text for position, text in enumerate(texts) if position not in wrong]
    parsed = iter(await predictions(state, served, good) if good else [])
    answers = [
        {"error": wrong[position]} if position in wrong else answer(next(parsed), **shape)
        for position in range(len(texts))
    ]
    return Answer({"predictions": answers})


async def predictions(state: State, served: Served, texts: Sequence[str]) -> list[Prediction]:
    """One for each text. Raises HTTPException: 422 for a text that is too long, 429 where too many wait, 504 where the
    answer takes too long."""
    for text in texts:
        if reason := _wrong(state, text):
            raise HTTPException(422, reason)
    try:
        waiting = served.batcher.submit(texts)
    except FullError:
        reason = f"{state.settings.queue:,} texts are waiting already: try again in a second"
        raise HTTPException(429, reason, headers={"retry-after": "1"}) from None
    try:
        parsed = await asyncio.wait_for(asyncio.wrap_future(waiting), state.settings.timeout)
    except asyncio.TimeoutError:
        raise HTTPException(504, f"no answer within {state.settings.timeout:g} s") from None
    state.metrics.answered(served.name, parsed)
    if state.settings.log_texts:
        for prediction in parsed:
            _log.info(str(prediction.to_json()))
    return parsed


def _wrong(state: State, text: Any) -> str | None:
    if not isinstance(text, str):
        return "not a text"
    if len(text) > state.settings.characters:
        return f"{len(text):,} characters, and this server takes {state.settings.characters:,} in a text"
    return None
