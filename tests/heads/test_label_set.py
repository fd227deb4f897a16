"""Any number of labels a text: forms of annotation, thresholds, figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.data.prediction import LabelPrediction
from nlu_kit.errors import DataError, NothingToLearnError
from nlu_kit.heads.codec import CodecContext
from nlu_kit.heads.label_set import LabelSetCodec
from nlu_kit.heads.params import LabelSetParams

TEXTS = [Encoding(text="x", ids=(1,), words=(), truncated=False)]


def codec(*names: str, state: Mapping[str, Any] | None = None, **params: Any) -> LabelSetCodec[LabelSetParams]:
    context = CodecContext(name="topics", labels=LabelSpace(names), state=state or {})
    return LabelSetCodec(LabelSetParams(field="topic", **params), context)


def example(**labels: Any) -> Example:
    return Example(text="x", labels=labels, source="train.jsonl:4")


def predicted(*names: str) -> dict[str, Any]:
    return {"topics": tuple(LabelPrediction(name=name, confidence=0.75) for name in names)}


@pytest.mark.parametrize(
    ("labels", "separator", "expected"),
    [
        ({}, None, None),
        ({"topic": "a"}, None, ("a",)),
        ({"topics": ["b", "a", "b"]}, None, ("b", "a")),
        ({"topics": [], "topic": "a"}, None, ()),
        ({"topic": "a#b"}, None, ("a#b",)),
        ({"topic": "a # b"}, "#", ("a", "b")),
        ({"topic": 7}, None, ("7",)),
    ],
)
def test_forms_of_annotation(labels: dict[str, Any], separator: str | None, expected: Any) -> None:
    assert codec(separator=separator).label_set(example(**labels)) == expected


@pytest.mark.parametrize("value", ["", "  ", [""], {"a": 1}, ["a", None]])
def test_what_is_no_label_is_refused_with_its_place(value: Any) -> None:
    with pytest.raises(DataError, match=r"train\.jsonl:4: 'topic' must be a label or a list of labels"):
        codec().label_set(example(topic=value))


def test_targets_are_one_for_each_label_and_nan_without_annotation() -> None:
    assert codec("a", "b").targets(example(topic="b"), TEXTS[0])["labels"].tolist() == [0, 1]
    assert codec("a", "b").targets(example(topics=[]), TEXTS[0])["labels"].tolist() == [0, 0]
    assert np.isnan(codec("a", "b").targets(example(), TEXTS[0])["labels"]).all()
    assert codec("a", "b").unseen(example(topics=["a", "new"])) == ["new"]
    with pytest.raises(NothingToLearnError):
        codec().fit_labels([example(), example(topics=[])])


def test_each_label_has_its_threshold() -> None:
    logits = np.log(np.array([[0.6, 0.6, 0.2]]) / (1 - np.array([[0.6, 0.6, 0.2]])))
    (plain,) = codec("a", "b", "c").decode({"logits": logits}, TEXTS)
    assert [label.name for label in plain["topics"]] == ["a", "b"]
    state = {"threshold": 0.1, "thresholds": {"b": 0.7}}
    (tuned,) = codec("a", "b", "c", state=state).decode({"logits": logits}, TEXTS)
    assert [label.name for label in tuned["topics"]] == ["a", "c"]


def test_thresholds_are_tuned_on_what_is_annotated() -> None:
    rng = np.random.default_rng(0)
    targets = [{"labels": (rng.random(2) < 0.5).astype(np.float32)} for _ in range(40)]
    outputs = [{"logits": 3 * (2 * target["labels"] - 1) + 2} for target in targets]  # all of them are too sure
    state = codec("a", "b").calibrate(outputs, targets)
    assert set(state["thresholds"]) == {"a", "b"}
    assert all(0.5 < value < 1 for value in state["thresholds"].values())
    assert codec("a", "b").calibrate(outputs[:1], [{"labels": np.full(2, np.nan)}]) == {}


def test_figures_by_hand() -> None:
    golds = [example(topics=["a", "b"]), example(topics=[]), example(), example(topic="c")]
    found = [predicted("a"), predicted("b"), predicted("a"), predicted("c")]
    values = {name: one.value for name, one in codec("a", "b", "c").counts(golds, found).items()}
    assert values == pytest.approx(
        {"micro_f1": 4 / 6, "accuracy": 1 / 3, "micro_precision": 2 / 3, "micro_recall": 2 / 3}
    )
    assert codec("a", "b", "c").figures(golds, found)["macro_f1"] == pytest.approx((1 + 0 + 1) / 3)
    assert codec("a", "b", "c").counts([example(topics=[])], [predicted()]) == {}
    assert codec("a").confidence_pairs(golds[1], found[1]) == [(0.75, False)]
