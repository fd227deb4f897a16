"""What counts as stars, and what is said of all else."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

import nlu_kit_sentiment
from nlu_kit.plugin import DataError, Example
from nlu_kit.registry import Registry
from nlu_kit_sentiment.annotation import stars_of
from nlu_kit_sentiment.params import SentimentParams


def rated(value: Any, **labels: Any) -> Example:
    return Example(text="fine", labels={"stars": value, **labels}, source="reviews.jsonl:7")


@pytest.mark.parametrize(("value", "stars"), [(4, 4), (4.0, 4), ("4", 4), (" 1 ", 1), (None, None)])
def test_whole_numbers_are_stars_however_they_are_written(value: Any, stars: int | None) -> None:
    assert stars_of(rated(value), SentimentParams()) == stars


@pytest.mark.parametrize("value", [0, 6, 3.5, "three", "", "3.5", True, [3], {"stars": 3}, float("nan"), "9" * 5000])
def test_anything_else_is_an_error_that_says_where(value: Any) -> None:
    with pytest.raises(DataError, match=r"reviews\.jsonl:7: 'stars' must be a whole number from 1 to 5, got"):
        stars_of(rated(value), SentimentParams())


def test_field_and_scale_are_the_users() -> None:
    params = SentimentParams(field="mood", lowest=-2, highest=2)
    assert stars_of(rated(9, mood=-2), params) == -2
    with pytest.raises(DataError, match="'mood' must be a whole number from -2 to 2, got 3"):
        stars_of(rated(1, mood=3), params)


def test_a_scale_goes_up() -> None:
    with pytest.raises(ValidationError, match="lowest must be below highest: 5 is not below 5"):
        SentimentParams(lowest=5)


def test_the_label_space_is_the_scale_and_needs_an_example() -> None:
    spec: Any = Registry.of({"sentiment": nlu_kit_sentiment}).get("head", "sentiment").spec
    assert spec.fit(SentimentParams(), [rated(2)]).names == ("1", "2", "3", "4", "5")
    with pytest.raises(DataError, match="no training example has stars in its field 'stars'"):
        spec.fit(SentimentParams(), [rated(None)])
