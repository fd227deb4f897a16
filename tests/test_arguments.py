"""Arguments of the Python API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlu_kit.arguments import a_path, is_finite, strings, whole_number


@pytest.mark.parametrize(
    "value", [["a", "b"], ("a", "b"), iter(["a", "b"]), (c for c in "ab"), map(str, "ab"), {"a": 1, "b": 2}]
)
def test_any_iterable_of_str(value: Any) -> None:
    assert strings("texts", value) == ["a", "b"]


@pytest.mark.parametrize("value", ["ab", b"ab", None, 3, [b"a"], ["a", None], [["a"]]])
def test_what_holds_no_str(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^texts must (be a list or another iterable of|hold) str"):
        strings("texts", value)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (True, TypeError),
        (2.5, TypeError),
        (2.0, TypeError),
        ("3", TypeError),
        (None, TypeError),
    ],
)
def test_what_is_no_batch_size(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^batch_size must be (at least 1|a whole number), got "):
        whole_number("batch_size", value, least=1)


def test_whole_numbers() -> None:
    assert whole_number("n", 3, least=1) == whole_number("n", np.int64(3), least=3) == 3


@pytest.mark.parametrize("value", [None, 3, b"x", ["x"]])
def test_what_is_no_path(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^runs must be a path \(str or Path\), got "):
        a_path("runs", value)
    assert a_path("runs", "x") == a_path("runs", Path("x")) == Path("x")


@pytest.mark.parametrize(
    ("value", "finite"),
    [(1, True), (np.float32(0.5), True), (True, False), ("1", False), (float("nan"), False), (10**400, False)],
)
def test_finite_numbers(value: Any, finite: bool) -> None:
    assert is_finite(value) is finite
