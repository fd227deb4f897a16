"""Whatever is sent is answered, and never with a 500."""

from __future__ import annotations

import json
from typing import Any

import httpx
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

STRINGS = st.text(st.characters(exclude_categories=()), max_size=30)  # halves of surrogate pairs are among them
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | STRINGS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(STRINGS, inner, max_size=4),
    max_leaves=8,
)
KEYS = st.sampled_from(["text", "texts", "top_k", "threshold", "message_id", "else"])
BODIES = st.dictionaries(KEYS, VALUES, max_size=4) | VALUES
PATHS = st.sampled_from(["/v1/parse", "/model/parse", "/v1/models/default/parse"])
ANSWERED = {200, 400, 413, 422}
OFTEN = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def ask(url: str, content: bytes) -> httpx.Response:
    return httpx.post(url, content=content, headers={"content-type": "application/json"}, timeout=20)


@OFTEN
@given(path=PATHS, body=BODIES, escaped=st.booleans())
@example(path="/v1/parse", body={"text": "\ud83d"}, escaped=True)
@example(path="/model/parse", body={"text": "a", "\ud83d": 1}, escaped=True)
@example(path="/v1/parse", body={"texts": ["\udc00", "a"]}, escaped=False)
def test_any_json(path: str, body: Any, escaped: bool, server: Any) -> None:
    content = json.dumps(body, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    answer = ask(server.url + path, content)
    assert answer.status_code in ANSWERED, (body, answer.text)
    found = answer.json()
    if answer.status_code != 200:
        assert isinstance(found["error"], str)
    elif path != "/model/parse" and body.get("text") is not None:
        assert all(body["text"][each["start"] : each["end"]] == each["text"] for each in found["entities"])


@OFTEN
@given(path=PATHS, content=st.binary(max_size=200))
def test_any_bytes(path: str, content: bytes, server: Any) -> None:
    assert ask(server.url + path, content).status_code in ANSWERED


@OFTEN
@given(name=st.text(min_size=1, max_size=20))
def test_any_name_of_a_model(name: str, server: Any) -> None:
    from urllib.parse import quote

    try:
        path = quote(name, safe="")
    except UnicodeEncodeError:  # half a surrogate pair has no place in an URL
        return
    answer = ask(f"{server.url}/v1/models/{path}/parse", b'{"text": "a"}')
    assert answer.status_code == (200 if name == "default" else answer.status_code)
    assert answer.status_code in {200, 404, 405}


def test_it_still_answers(server: Any) -> None:
    assert ask(server.url + "/v1/parse", b'{"text": "play some jazz"}').status_code == 200
