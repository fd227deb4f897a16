"""The queue before a model: nobody's answer is lost, mixed up, or kept by another's fault."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError
from typing import Any

import pytest

from nlu_kit.serve.batching import Batcher, FullError


def batcher(parse: Any, **options: Any) -> tuple[Batcher, list[int]]:
    sizes: list[int] = []
    given: dict[str, Any] = {"size": 4, "wait": 0.0, "most": 6, **options}
    return Batcher(parse, batch=sizes.append, **given), sizes


def upper(texts: Sequence[str]) -> Any:
    return [text.upper() for text in texts]


class Held:
    """A model that answers when it may."""

    def __init__(self) -> None:
        self.may, self.began = threading.Event(), threading.Event()

    def __call__(self, texts: Sequence[str]) -> Any:
        self.began.set()
        self.may.wait(10)
        return upper(texts)


def test_what_waits_goes_through_together() -> None:
    held = Held()
    found, sizes = batcher(held)
    first = found.submit(["a"])
    held.began.wait(10)
    others = [found.submit(texts) for texts in (["b"], ["c", "d"], ["e", "f"])]
    held.may.set()
    assert first.result(10) == ["A"]
    assert [each.result(10) for each in others] == [["B"], ["C", "D"], ["E", "F"]]
    assert sizes == [1, 3, 2], "four at most"
    found.close()


def test_too_many_are_refused_and_the_others_answered() -> None:
    held = Held()
    found, _ = batcher(held)
    first = found.submit(["a"])
    held.began.wait(10)
    kept = found.submit(["b"] * 6)
    with pytest.raises(FullError):
        found.submit(["c"])
    held.may.set()
    assert (first.result(10), kept.result(10)) == (["A"], ["B"] * 6)
    found.close()


def test_one_that_breaks_fails_alone() -> None:
    held = Held()

    def breaking(texts: Sequence[str]) -> Any:
        held(texts)
        if "bad" in texts:
            raise ValueError("bad")
        return upper(texts)

    found, _ = batcher(breaking)
    found.submit(["first"])
    held.began.wait(10)
    good, bad = found.submit(["b"]), found.submit(["bad"])
    held.may.set()
    assert good.result(10) == ["B"]
    with pytest.raises(ValueError, match="bad"):
        bad.result(10)
    assert found.submit(["after"]).result(10) == ["AFTER"]
    found.close()


def test_nobody_answers_what_was_cancelled() -> None:
    held = Held()
    found, sizes = batcher(held)
    found.submit(["a"])
    held.began.wait(10)
    gone, kept = found.submit(["b"]), found.submit(["c"])
    assert gone.cancel()
    held.may.set()
    assert kept.result(10) == ["C"]
    with pytest.raises(CancelledError):
        gone.result(10)
    assert sizes == [1, 1]
    found.close()


def test_closing_answers_what_waits() -> None:
    found, _ = batcher(upper)
    waiting = [found.submit([str(number)]) for number in range(5)]
    found.close()
    assert [each.result(1) for each in waiting] == [[str(number)] for number in range(5)]


def test_waiting_for_others() -> None:
    found, sizes = batcher(upper, wait=0.2, size=2)
    first, second = found.submit(["a"]), found.submit(["b"])
    assert (first.result(10), second.result(10)) == (["A"], ["B"])
    assert sizes == [2]
    found.close()
