"""One label a text: targets, ranking, temperature, figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Example
from nlu_kit.data.labels import IGNORE, LabelSpace
from nlu_kit.data.prediction import LabelPrediction
from nlu_kit.errors import DataError, NothingToLearnError
from nlu_kit.heads.codec import CodecContext
from nlu_kit.heads.label import LabelCodec
from nlu_kit.heads.params import LabelParams

TEXTS = [Encoding(text="x", ids=(1,), words=(), truncated=False)]


def codec(*names: str, top_k: int = 5, state: Mapping[str, Any] | None = None) -> LabelCodec[LabelParams]:
    context = CodecContext(name="intent", labels=LabelSpace(names), state=state or {})
    return LabelCodec(LabelParams(field="intent", top_k=top_k), context)


def examples(*intents: str | None) -> list[Example]:
    return [Example(text="x", intent=intent) for intent in intents]


def predictions(*names: str, confidence: float = 0.5) -> list[dict[str, Any]]:
    return [{"intent": LabelPrediction(name=name, confidence=confidence)} for name in names]


def test_targets_ignore_what_is_not_annotated_or_never_seen() -> None:
    found = [codec("a", "b").targets(example, TEXTS[0])["labels"] for example in examples("b", None, "new")]
    assert [int(target) for target in found] == [1, IGNORE, IGNORE]
    assert codec("a", "b").unseen(examples("new")[0]) == ("new",)


def test_labels_are_sorted_and_must_be_there() -> None:
    assert codec().fit_labels(examples("b", "a", None, "b")).names == ("a", "b")
    with pytest.raises(NothingToLearnError, match="no training example has a label in its field 'intent'"):
        codec().fit_labels(examples(None))


@pytest.mark.parametrize("value", [["a", "b"], {"name": "a"}])
def test_several_labels_are_refused_with_their_place(value: Any) -> None:
    example = Example(text="x", labels={"mood": value}, source="train.jsonl:4")
    mood = LabelCodec(LabelParams(field="mood"), CodecContext(name="mood", labels=LabelSpace(())))
    with pytest.raises(DataError, match=r"train\.jsonl:4: 'mood' must be one label .* takes several"):
        mood.label(example)


def test_the_ranking_is_of_logits_and_confidences_of_a_softmax() -> None:
    logits = np.array([[1.0, 3.0, 2.0]], dtype=np.float32)
    (found,) = codec("a", "b", "c", top_k=2).decode({"logits": logits}, TEXTS)
    assert found["intent"].name == "b"
    assert [label.name for label in found["intents"]] == ["b", "c"]
    assert found["intent"].confidence == pytest.approx(np.exp(3) / np.exp([1, 2, 3]).sum())
    (warm,) = codec("a", "b", "c", state={"temperature": 2.0}).decode({"logits": logits}, TEXTS)
    assert warm["intent"].confidence == pytest.approx(np.exp(1.5) / np.exp([0.5, 1, 1.5]).sum())


def test_a_temperature_is_fitted_where_anything_is_annotated() -> None:
    sure = {"logits": np.array([9.0, 0.0], dtype=np.float32)}
    targets: Sequence[Mapping[str, np.ndarray]] = [{"labels": np.asarray(label)} for label in (0, 1, 0)]
    assert codec("a", "b").calibrate([sure] * 3, targets)["temperature"] > 1
    assert codec("a", "b").calibrate([sure], [{"labels": np.asarray(IGNORE)}]) == {}


def test_figures_leave_out_what_is_not_annotated_and_count_new_labels_as_wrong() -> None:
    golds, found = examples("a", None, "new", "b"), predictions("a", "b", "a", "b")
    counts = codec("a", "b").counts(golds, found)
    assert counts["accuracy"].value == pytest.approx(2 / 3)
    assert counts["accuracy"].denominators.tolist() == [1, 0, 1, 1]
    assert codec("a", "b").figures(golds, found)["macro_f1"] == pytest.approx((2 / 3 + 0 + 1) / 3)
    assert codec("a", "b").counts(examples(None), predictions("a")) == {}
    assert codec("a", "b").figures(examples(None), predictions("a")) == {}
    assert codec("a", "b").confidence_pairs(golds[2], found[2]) == [(0.5, False)]
    assert codec("a", "b").confidence_pairs(golds[1], found[1]) == ()
