"""Whatever a reader keeps beside a text becomes JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest

from nlu_kit.data.prediction import Prediction
from nlu_kit.runtime.texts import Utterance, answer
from nlu_kit.runtime.values import json_value


@dataclass
class Place:
    name: str
    height: float


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (float("-inf"), "-Infinity"),
        ({"a": [1, (float("inf"), None)]}, {"a": [1, ["Infinity", None]]}),
        ({date(2024, 1, 2): 1}, {"2024-01-02": 1}),
        (datetime(2024, 1, 2, tzinfo=timezone.utc), "2024-01-02T00:00:00+00:00"),
        (timedelta(seconds=90.25), "PT90.25S"),
        (Decimal("1.50"), "1.50"),
        (Decimal("NaN"), None),
        (Decimal("-Infinity"), "-Infinity"),
        (b"abc", "YWJj"),
        (Place("Paris", float("nan")), {"name": "Paris", "height": None}),
        (np.float32("nan"), None),
        (np.array([1.5, np.inf]), [1.5, "Infinity"]),
        (PurePosixPath("a/b"), "a/b"),
        ("NaN", "NaN"),
    ],
)
def test_json_value(value: Any, expected: Any) -> None:
    assert json_value(value) == expected


def test_an_answer_is_json_whatever_was_given() -> None:
    given = {"score": float("nan"), "at": date(2024, 1, 2), "text": Decimal("0.1")}
    record = answer(Prediction(text="hi", truncated=False, fields={}), Utterance(text="hi", given=given))
    assert record == {"text": "hi", "truncated": False, "score": None, "at": "2024-01-02", "input": {"text": "0.1"}}
    json.dumps(record, allow_nan=False)


def test_a_date_of_pandas_that_is_none() -> None:
    pandas = pytest.importorskip("pandas")
    assert json_value(pandas.NaT) is None
    assert json_value(pandas.Timestamp(1)) == "1970-01-01T00:00:00.000000001"
