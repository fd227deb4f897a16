"""Which examples are out of scope, and what they lose by it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nlu_kit.data.example import Entity, Example
from nlu_kit.data.out_of_scope import mark_out_of_scope
from nlu_kit.errors import DataError

CITY = (Entity(start=0, end=5, label="city"),)


def test_an_intent_that_means_none_of_them() -> None:
    examples = [
        Example(text="Paris is nice", intent="oos", entities=CITY, labels={"mood": "happy"}, source="a:1"),
        Example(text="Paris", intent="book", entities=CITY),
        Example(text="Rome"),
    ]
    marked = mark_out_of_scope(examples, ["oos"])
    assert marked[0] == Example(
        text="Paris is nice", entities=CITY, labels={"mood": "happy"}, source="a:1", out_of_scope=True
    )
    assert marked[1:] == examples[1:], "what is in scope, or has no intent, stays as it is"


def test_none_is_named() -> None:
    examples = [Example(text="x", intent="oos")]
    assert mark_out_of_scope(examples, []) == examples


def test_several_intents() -> None:
    both = Example(text="x", intent=("oos", "book"))
    assert mark_out_of_scope([both, Example(text="x", intent=())], ["oos"])[0] == both
    assert mark_out_of_scope([Example(text="x", intent=("oos",))], ["oos"])[0].out_of_scope


def test_the_record_says_so_itself() -> None:
    for value, out in ((True, True), (False, False), (None, False)):
        (example,) = mark_out_of_scope([Example(text="x", intent="book", labels={"out_of_scope": value})], [])
        assert (example.out_of_scope, example.intent) == (out, None if out else "book")


@pytest.mark.parametrize("value", ["true", "false", "yes", 1, 0, [], {"is": True}])
def test_the_record_says_something_else(value: Any) -> None:
    example = Example(text="x", intent="oos", labels={"out_of_scope": value}, source="a.jsonl:3")
    with pytest.raises(DataError) as caught:
        mark_out_of_scope([Example(text="y"), example], ["oos"])
    assert str(caught.value).startswith(f"a.jsonl:3: 'out_of_scope' must be true or false, got {value!r}; write true")
    with pytest.raises(DataError, match=r"'x': 'out_of_scope' must be"):  # a reader need not say where it read it
        mark_out_of_scope([replace(example, source="")], [])
