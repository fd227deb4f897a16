"""From numbers to stars, and how good they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nlu_kit.plugin import Encoding, Example, LabelSpace, Prediction
from nlu_kit_sentiment.codec import SentimentCodec
from nlu_kit_sentiment.params import SentimentParams
from nlu_kit_sentiment.prediction import SentimentPrediction

SCALE = LabelSpace(("1", "2", "3", "4", "5"))


def codec(**state: float) -> SentimentCodec:
    return SentimentCodec(SentimentParams(), SCALE, state)


def decode(*rows: list[float], **state: float) -> list[SentimentPrediction]:
    encodings = [Encoding(text="", ids=(), words=(), truncated=False) for _ in rows]
    outputs = {"cumulative": np.array(rows, dtype=np.float32)}
    return [fields["sentiment"] for fields in codec(**state).decode(outputs, encodings)]


def examples(*stars: int | None) -> list[Example]:
    return [Example(text="fine", labels={"stars": value}) for value in stars]


def predictions(*stars: int) -> list[dict[str, Any]]:
    return [{"sentiment": SentimentPrediction(value=float(s), stars=s, confidence=0.5)} for s in stars]


def test_stars_are_the_steps_that_are_more_likely_passed_than_not() -> None:
    top, middle, bottom = decode([9, 9, 9, 9], [9, 9, -9, -9], [-9, -9, -9, -9])
    assert (top.stars, middle.stars, bottom.stars) == (5, 3, 1)
    assert top.value == pytest.approx(5, abs=1e-2)
    assert middle.value == pytest.approx(3, abs=1e-2)
    assert min(p.confidence for p in (top, middle, bottom)) > 0.99


def test_the_value_lies_between_stars_where_the_head_does() -> None:
    (found,) = decode([9, 9, 9, 0.1])
    assert found.stars == 5
    assert found.value == pytest.approx(4.525, abs=1e-3)
    assert found.confidence == pytest.approx(0.525, abs=1e-3)


def test_answers_that_contradict_each_other_are_read_from_the_bottom() -> None:
    (found,) = decode([2, -2, 8, 8])
    assert found.stars == 2
    assert 0 <= found.confidence <= 1


def test_a_temperature_changes_the_confidence_and_not_the_stars() -> None:
    (sharp,), (soft,) = decode([3, 1, -1, -3]), decode([3, 1, -1, -3], temperature=4.0)
    assert sharp.stars == soft.stars == 3
    assert soft.confidence < sharp.confidence


def test_figures() -> None:
    scores = codec().evaluate(examples(1, 5, 3, None), predictions(1, 4, 1, 2))
    assert scores == pytest.approx({"closeness": 1 - (0 + 1 + 2) / 3 / 4, "accuracy": 1 / 3, "within_one": 2 / 3})
    assert codec().evaluate(examples(None), predictions(3)) == {}


def test_the_worst_there_is_scores_nothing() -> None:
    assert codec().evaluate(examples(1, 5), predictions(5, 1))["closeness"] == 0


def test_the_report_says_which_stars_were_taken_for_which() -> None:
    report = codec().report(examples(1, 1, 5), predictions(1, 2, 5))
    assert {row.label: row.support for row in report.labels} == {"1": 2, "5": 1, "2": 0}
    assert report.confusion is not None
    assert sum(map(sum, report.confusion.counts)) == 3


def test_judged_and_matches_go_by_the_exact_number() -> None:
    (example,), (right,), (wrong,) = examples(4), predictions(4), predictions(3)
    assert codec().matches(example, right) is True
    assert codec().matches(example, wrong) is False
    assert codec().judged(example, wrong) == [(0.5, False)]


def test_calibration_makes_an_overconfident_head_humbler_and_a_good_one_surer() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 5, size=400)
    outputs = [{"cumulative": (8 * (t - np.arange(4) - 0.5)).astype(np.float32)} for t in truth]
    said = [{"labels": np.asarray(t if i % 4 else generator.integers(0, 5))} for i, t in enumerate(truth)]
    humbler = codec().calibrate(outputs, said)["temperature"]
    assert humbler > 2
    faint = [{"cumulative": output["cumulative"] / 16} for output in outputs]
    assert codec().calibrate(faint, [{"labels": np.asarray(t)} for t in truth])["temperature"] < 0.5
    assert codec().calibrate(outputs[:1], [{"labels": np.asarray(-100)}]) == {}


def test_json_and_equality() -> None:
    (found,) = decode([9, 9, 9, 0.1])
    record = Prediction(text="fine", truncated=False, fields={"sentiment": found}).to_json()
    assert list(record["sentiment"]) == ["value", "stars", "confidence"]
    assert found == SentimentPrediction(value=5.0, stars=5, confidence=1.0), "what counts is the number of stars"
    assert str(found) == "5 (4.5, confidence 0.52)"
