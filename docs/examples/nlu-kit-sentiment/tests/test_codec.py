"""What counts as stars, from numbers to stars, and how good they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from nlu_kit.plugin import CodecContext, DataError, Encoding, Example, LabelSpace, NothingToLearnError, Prediction
from nlu_kit_sentiment import SentimentParams
from nlu_kit_sentiment.codec import SentimentCodec, StarsPrediction

SCALE = LabelSpace(("1", "2", "3", "4", "5"))


def codec(params: SentimentParams | None = None, *, temperature: float = 1.0) -> SentimentCodec:
    context = CodecContext(name="mine", labels=SCALE, state={"temperature": temperature})
    return SentimentCodec(params or SentimentParams(), context)


def decode(*rows: Sequence[float], temperature: float = 1.0) -> list[StarsPrediction]:
    """From the steps' probabilities."""
    encodings = [Encoding(text="", ids=(), words=(), truncated=False) for _ in rows]
    outputs = {"logits": np.log(np.array(rows, dtype=np.float32) + 1e-9)}
    return [fields["stars"] for fields in codec(temperature=temperature).decode(outputs, encodings)]


def rated(value: Any, **labels: Any) -> Example:
    return Example(text="fine", labels={"stars": value, **labels}, source="reviews.jsonl:7")


def predictions(*stars: int) -> list[dict[str, Any]]:
    return [{"stars": StarsPrediction(name=str(s), value=float(s), confidence=0.5)} for s in stars]


# --- the annotation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "stars"), [(4, "4"), (4.0, "4"), ("4", "4"), (" 1 ", "1"), (None, None)])
def test_whole_numbers_are_stars_however_they_are_written(value: Any, stars: str | None) -> None:
    assert codec().label(rated(value)) == stars


@pytest.mark.parametrize("value", [0, 6, 3.5, "three", "", "3.5", True, [3], {"stars": 3}, float("nan"), "9" * 5000])
def test_anything_else_is_an_error_that_says_where(value: Any) -> None:
    with pytest.raises(DataError, match=r"reviews\.jsonl:7: 'stars' must be a whole number from 1 to 5, got"):
        codec().label(rated(value))


def test_field_and_scale_are_the_users() -> None:
    mood = codec(SentimentParams(field="mood", lowest=-2, highest=2))
    assert mood.label(rated(9, mood=-2)) == "-2"
    with pytest.raises(DataError, match="'mood' must be a whole number from -2 to 2, got 3"):
        mood.label(rated(1, mood=3))
    assert mood.fit_labels([rated(9, mood=0)]).names == ("-2", "-1", "0", "1", "2")


def test_a_scale_goes_up() -> None:
    with pytest.raises(ValidationError, match="lowest must be below highest: 5 is not below 5"):
        SentimentParams(lowest=5)


def test_the_label_space_is_the_scale_and_needs_an_example() -> None:
    assert codec().fit_labels([rated(2)]) == SCALE
    with pytest.raises(NothingToLearnError, match="in its field 'stars'"):
        codec().fit_labels([rated(None)])


# --- predictions ------------------------------------------------------------------------------------------------------


def test_the_median_is_predicted_with_the_mean_beside_it() -> None:
    top, middle, between = decode([0, 0, 0, 0, 1], [0, 0, 1, 0, 0], [0.4, 0, 0.2, 0.4, 0])
    assert [found.name for found in (top, middle, between)] == ["5", "3", "3"]
    assert [found.value for found in (top, middle, between)] == pytest.approx([5, 3, 2.6], abs=1e-4)
    assert [found.confidence for found in (top, middle, between)] == pytest.approx([1, 1, 0.2], abs=1e-4)


def test_a_temperature_changes_the_confidence_and_not_the_stars() -> None:
    rows = [0.02, 0.05, 0.1, 0.13, 0.7]
    (sharp,), (soft,) = decode(rows), decode(rows, temperature=4.0)
    assert sharp.name == soft.name == "5"
    assert soft.confidence < sharp.confidence


def test_json_and_equality() -> None:
    (found,) = decode([0, 0, 0, 0.1, 0.9])
    record = Prediction(text="fine", truncated=False, fields={"stars": found}).to_json()
    assert record["stars"] == {"name": "5", "confidence": pytest.approx(0.9), "value": pytest.approx(4.9)}
    assert list(record["stars"]) == ["name", "confidence", "value"]


# --- figures ----------------------------------------------------------------------------------------------------------


def figures(stars: Sequence[int | None], predicted: Sequence[int]) -> dict[str, float]:
    counts = codec().counts([rated(value) for value in stars], predictions(*predicted))
    return {name: counted.value for name, counted in counts.items()}


def test_figures() -> None:
    assert figures([1, 5, 3, None], [1, 4, 1, 2]) == pytest.approx(
        {"closeness": 1 - (0 + 1 + 2) / 3 / 4, "accuracy": 1 / 3, "within_one": 2 / 3}
    )
    assert figures([1, 5], [5, 1])["closeness"] == 0
    assert figures([None], [3]) == {}


def test_the_report_and_confidence_pairs_go_by_the_exact_number() -> None:
    report = codec().report([rated(1), rated(1), rated(5)], predictions(1, 2, 5))
    assert report is not None
    assert {row.label: row.support for row in report.labels} == {"1": 2, "5": 1, "2": 0}
    assert codec().confidence_pairs(rated(4), predictions(3)[0]) == [(0.5, False)]
