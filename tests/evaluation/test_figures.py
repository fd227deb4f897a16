"""Figures by hand, intervals around them, and calibration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.data.prediction import LabelPrediction, Prediction
from nlu_kit.evaluation.figures import calibration, figures, intervals
from nlu_kit.evaluation.predictions import Predictions, PredictionSet
from nlu_kit.evaluation.summary import summarise
from nlu_kit.heads.codec import CodecContext
from nlu_kit.metrics.bootstrap import Outcomes
from nlu_kit.registry import Registry


def test_figures_by_hand(answers: Predictions) -> None:
    found, reports = figures(answers)
    values = {name: figure["value"] for name, figure in found.items()}
    assert values["intent.accuracy"] == pytest.approx(4 / 6)
    assert values["ner.f1"] == pytest.approx(2 * 2 / (4 + 5))
    assert values["exact_match"] == pytest.approx(2 / 6)
    assert [row.label for row in reports["intent"].labels] == ["book", "play", "snooze", "wake"]
    assert list(values)[-1] == "exact_match"
    heads = [name.partition(".")[0] for name in values if "." in name]
    assert heads == sorted(heads)


def test_figures_that_are_ratios_of_counts_have_an_interval(answers: Predictions) -> None:
    found, _ = figures(answers)
    with_one = {name for name, figure in found.items() if figure["interval"] is not None}
    of_spans = {"ner.precision", "ner.recall", "ner.f1"}
    assert with_one == {"intent.accuracy", *of_spans, "exact_match"}
    for name in with_one:
        low, high = found[name]["interval"]
        assert 0 <= low < found[name]["value"] < high <= 1


def test_utterances_that_do_not_count_do_not_make_a_figure_look_better() -> None:
    """Two wrong ones among fifty: a resample without either says nothing, and above all not that all is right."""
    wrong = np.zeros((1, 50))
    counted = wrong.copy()
    counted[0, :2] = 1
    found = intervals(
        {"few": Outcomes(wrong, counted), "none": Outcomes(wrong, wrong), "all": Outcomes(wrong, wrong + 1)}
    )
    assert found == {
        "few": pytest.approx([0, 1 - 0.025 ** (1 / 2)]),
        "all": pytest.approx([0, 1 - 0.025 ** (1 / 50)]),
    }


def test_a_head_with_several_labels_has_an_interval_too() -> None:
    spec: Any = Registry.load().get("head", "multilabel_intent").spec
    codec = spec.codec(spec.params(), CodecContext(name="topics", labels=LabelSpace(("a", "b"))))
    rows = [(("a", "b"), ("a",)), (("b",), ("b",)), (("a",), ("b",)), ((), ()), (("a", "b"), ("a", "b"))] * 4
    examples = [Example(text="x", intent=gold) for gold, _ in rows]
    predictions = [
        Prediction(
            text="x", truncated=False, fields={"intents": tuple(LabelPrediction(name=n, confidence=1) for n in p)}
        )
        for _, p in rows
    ]
    encodings = [Encoding(text="x", ids=(0, 1), words=(), truncated=False) for _ in rows]
    found, _ = figures(Predictions([PredictionSet({"topics": codec}, examples, encodings, predictions)]))
    assert found["topics.micro_f1"]["value"] == pytest.approx(2 * 4 / (6 + 5))
    low, high = found["topics.micro_f1"]["interval"]
    assert 0 <= low < found["topics.micro_f1"]["value"] < high <= 1


def test_parts_are_evaluated_together(part: PredictionSet) -> None:
    halves = [
        PredictionSet(part.codecs, part.examples[a:b], part.encodings[a:b], part.predictions[a:b])
        for a, b in ((0, 3), (3, 7))
    ]
    assert figures(Predictions(halves))[0] == figures(Predictions([part]))[0]


def test_calibration_by_hand() -> None:
    found = calibration([[(0.95, True), (0.95, False)], [(0.05, False)], []])
    assert found is not None
    assert found["ece"] == pytest.approx((2 * 0.45 + 0.05) / 3)
    assert (found["predictions"], found["right"]) == (3, pytest.approx(1 / 3))
    assert sum(found["histogram"]["right"]) == 1
    assert found["histogram"]["wrong"][1] == found["histogram"]["wrong"][19] == 1
    assert [row["count"] for row in found["bins"]] == [1, 2]
    assert found["ece_uncalibrated"] is None
    assert calibration([[], []]) is None


def test_calibration_before_and_after_by_hand() -> None:
    found = calibration([[(0.75, True)], [(0.75, True)]], [[(1.0, True)], [(1.0, True)]])
    assert found is not None
    assert (found["ece"], found["ece_uncalibrated"]) == (pytest.approx(0.25), pytest.approx(0.0))


def test_the_summary_counts_what_cannot_be_right(answers: Predictions) -> None:
    summary = summarise(answers, name="x", model="m", data="d").summary
    assert summary["heads"]["intent"]["unseen"] == 1
    assert summary["heads"]["intent"]["annotated"] == 6
    assert summary["errors"]["utterances"] == 4
    assert summary["main"] == ["intent.accuracy", "ner.f1", "exact_match"]
    told = " ".join(summary["notes"])
    assert "Only 7 utterances" in told
    assert "intent: 1 annotation has a label that training never had" in told


def test_the_summary_has_the_calibration_error_of_every_head(part: PredictionSet) -> None:
    def ece(part: PredictionSet) -> dict[str, float]:
        summary = summarise(Predictions([part]), name="x", model="m", data="d").summary
        return {name: f["value"] for name, f in summary["figures"].items() if "ece" in name}

    without = ece(part)
    assert list(without) == ["intent.ece", "ner.ece"]
    both = ece(replace(part, uncalibrated=part.predictions))
    assert both == {
        **without,
        "intent.ece_uncalibrated": without["intent.ece"],
        "ner.ece_uncalibrated": both["ner.ece"],
    }


def test_data_without_any_annotation_is_an_error(part: PredictionSet) -> None:
    from nlu_kit.errors import DataError

    bare = PredictionSet(part.codecs, part.examples[5:6], part.encodings[5:6], part.predictions[5:6])
    with pytest.raises(
        DataError, match=r"no example of d\.jsonl is annotated for any head of the model: 'intent' \(int"
    ):
        summarise(Predictions([bare]), name="x", model="m", data="d.jsonl")
