"""What the `intent` head says of an evaluation beyond its main figures."""

from __future__ import annotations

from typing import Any

from nlu_kit.data.example import Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.data.prediction import LabelPrediction
from nlu_kit.heads.codec import CodecContext
from nlu_kit.registry import Registry


def says(name: str) -> dict[str, Any]:
    return {"intent": LabelPrediction(name=name, confidence=0.5)}


def test_the_report_is_of_what_is_annotated() -> None:
    spec: Any = Registry.load().get("head", "intent").spec
    codec = spec.codec(spec.params(), CodecContext(name="intent", labels=LabelSpace(("book", "play"))))
    examples = [Example(text="x", intent=intent) for intent in ("book", "book", "unseen", None)]
    report = codec.report(examples, [says("book"), says("play"), says("play"), says("book")])
    assert [(row.label, row.support, row.predicted) for row in report.labels] == [
        ("book", 2, 1),
        ("unseen", 1, 0),
        ("play", 0, 2),
    ]
    assert sum(map(sum, report.confusion.counts)) == 3
    assert set(report.metrics) == {"micro_f1", "weighted_f1"}
    assert codec.report(examples[3:], [says("book")]).labels == ()
