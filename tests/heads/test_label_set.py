"""Any number of labels a text: reading them, targets, thresholds, decoding, metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.data.prediction import LabelPrediction
from nlu_kit.errors import DataError
from nlu_kit.heads.codec import CodecContext
from nlu_kit.heads.label_set import LabelSetCodec
from nlu_kit.heads.params import LabelSetParams

LABELS = LabelSpace(("airfare", "city", "flight"))
ENCODING = Encoding(text="x", ids=(0, 1), words=(), truncated=False)


def codec(state: Mapping[str, Any] | None = None, **options: Any) -> LabelSetCodec[LabelSetParams]:
    context = CodecContext(name="mine", labels=LABELS, state=state or {})
    return LabelSetCodec(LabelSetParams(**{"field": "intent", **options}), context)


CODEC = codec(separator="#")


def says(*names: str, confidence: float = 0.9) -> dict[str, Any]:
    return {"intents": tuple(LabelPrediction(name=name, confidence=confidence) for name in names)}


def decode(logits: list[list[float]], by: LabelSetCodec[LabelSetParams] = CODEC) -> list[list[str]]:
    found = by.decode({"logits": np.array(logits, dtype=np.float32)}, [ENCODING] * len(logits))
    return [[label.name for label in fields["intents"]] for fields in found]


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        (Example(text="x", intent="flight"), [0, 0, 1]),
        (Example(text="x", intent="flight#airfare"), [1, 0, 1]),
        (Example(text="x", intent="flight # airfare"), [1, 0, 1]),
        (Example(text="x", intent=("flight", "airfare")), [1, 0, 1]),
        (Example(text="x", intent=()), [0, 0, 0]),
        (Example(text="x", intent="flight", labels={"intents": []}), [0, 0, 0]),
        (Example(text="x", intent="flight", labels={"intents": ["city", "flight"]}), [0, 1, 1]),
        (Example(text="x", intent=("flight", "train never had this")), [0, 0, 1]),
    ],
)
def test_targets(example: Example, expected: list[int]) -> None:
    targets = CODEC.targets(example, ENCODING)["labels"]
    assert targets.dtype == np.float32
    assert targets.tolist() == expected


def test_not_annotated_is_nan() -> None:
    assert np.isnan(CODEC.targets(Example(text="x"), ENCODING)["labels"]).all()
    assert CODEC.gold(Example(text="x")) is None
    assert CODEC.matches(Example(text="x"), says()) is None
    assert CODEC.confidence_pairs(Example(text="x"), says("city")) == ()


def test_without_a_separator_a_string_is_one_label() -> None:
    examples = [Example(text="x", intent=intent) for intent in ("a#b", ("b", "a"), None, ())]
    assert codec().fit_labels(examples).names == ("a", "a#b", "b")
    assert CODEC.fit_labels(examples).names == ("a", "b")
    with pytest.raises(DataError, match="no training example has a label in its field 'intent'"):
        codec().fit_labels(examples[2:])


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"name": "a"}, "got {'name': 'a'}"),
        (["a", {"name": "b"}], "a list of labels"),
        (["a", None], "a list of labels"),
        ("a##b", "'a##b'"),
        ("  ", "'  '"),
    ],
)
def test_what_is_no_label_is_named_with_its_line(value: Any, says: str) -> None:
    with pytest.raises(DataError, match=r"f\.jsonl:3: 'mood' must be a label") as caught:
        codec(field="mood", separator="#").targets(
            Example(text="x", labels={"mood": value}, source="f.jsonl:3"), ENCODING
        )
    assert says in str(caught.value)


def test_every_label_that_reaches_its_threshold_surest_first() -> None:
    assert decode([[0.1, -3, 4], [-9, -9, -9], [0, -0.001, -1]]) == [["flight", "airfare"], [], ["airfare"]]
    (fields,) = CODEC.decode({"logits": np.array([[-2000.0, 2000, 0]], dtype=np.float32)}, [ENCODING])
    assert [label.confidence for label in fields["intents"]] == [1.0, 0.5]


def test_thresholds_come_from_the_state() -> None:
    tuned = codec({"threshold": 0.9, "thresholds": {"city": 0.1}})
    assert decode([[1, -2, 1], [3, -3, 1]], tuned) == [["city"], ["airfare"]]
    assert decode([[1, -2, 1]], codec(threshold=0.1)) == [["airfare", "flight", "city"]]


def test_calibrate_tunes_on_what_is_annotated() -> None:
    gold = [("flight",)] * 4 + [("city", "flight")] * 3 + [None]
    outputs = [{"logits": np.array([-4.0, -1.0 if g and "city" in g else -3.0, 2.0])} for g in gold]
    targets = [CODEC.targets(Example(text="x", intent=g), ENCODING) for g in gold]
    by = codec(min_support=3)
    state = by.calibrate(outputs, targets)
    assert set(state["thresholds"]) == {"city", "flight"}
    assert all(type(value) is float for value in (state["threshold"], *state["thresholds"].values()))
    tuned = codec(state, min_support=3)
    assert decode([list(output["logits"]) for output in outputs[3:5]], tuned) == [["flight"], ["flight", "city"]]
    assert by.calibrate(outputs[-1:], targets[-1:]) == {}


def test_figures(figures: Any) -> None:
    golds: list[Any] = [("flight", "airfare"), ("flight",), (), ("unseen",), None]
    examples = [Example(text="x", intent=gold) for gold in golds]
    predictions = [says("airfare", "flight"), says("flight", "city"), says(), says(), says("city")]
    scores = figures(CODEC, examples, predictions)
    # 3 of 4 predicted are right, 3 of 4 annotated are found; F1 1, 1 and 0 of the labels in gold; 2 of 4 sets
    assert scores == pytest.approx(
        {"micro_f1": 3 / 4, "macro_f1": 2 / 3, "accuracy": 1 / 2, "micro_precision": 3 / 4, "micro_recall": 3 / 4}
    )
    assert CODEC.main_metric in scores
    assert figures(CODEC, examples[2:3], predictions[2:3]) == {}
    report = CODEC.report(examples, predictions)
    assert report is not None
    rows = [(row.label, row.support, row.predicted, row.f1) for row in report.labels]
    assert rows == [("flight", 2, 2, 1), ("airfare", 1, 1, 1), ("unseen", 1, 0, 0), ("city", 0, 1, 0)]
    assert report.confusion is None
    assert CODEC.report(examples[4:], predictions[4:]) is None
    assert CODEC.confidence_pairs(examples[1], predictions[1]) == [(0.9, True), (0.9, False)]
    assert [CODEC.unseen(example) for example in examples] == [[], [], [], ["unseen"], []]
    assert CODEC.unlearnable(examples[0], ENCODING) == ()


def test_single_labels_give_the_figures_of_a_single_label_head(figures: Any) -> None:
    examples = [Example(text="x", intent=intent) for intent in ("flight", "city", "flight")]
    scores = figures(CODEC, examples, [says("flight"), says("city"), says("city")])
    assert scores["micro_f1"] == scores["accuracy"] == pytest.approx(2 / 3)


def test_gold_and_matches() -> None:
    example = Example(text="x", intent=("flight", "airfare"))
    assert CODEC.gold(example) == says("flight", "airfare", confidence=1.0)
    assert CODEC.matches(example, says("airfare", "flight")) is True
    assert CODEC.matches(example, says("flight")) is False
    assert CODEC.fields == ("intents",)
    assert codec(field="mood").fields == ("moods",)
