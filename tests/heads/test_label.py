"""One label a text: targets, ranked decoding, temperature and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Example
from nlu_kit.data.labels import IGNORE, LabelSpace
from nlu_kit.data.prediction import LabelPrediction
from nlu_kit.errors import DataError, NothingToLearnError
from nlu_kit.heads.codec import CodecContext
from nlu_kit.heads.label import LabelCodec
from nlu_kit.heads.params import LabelParams

LABELS = LabelSpace(("book", "play", "wake"))
ENCODING = Encoding(text="x", ids=(0, 5, 1), words=(), truncated=False)


def codec(state: Mapping[str, Any] | None = None, **options: Any) -> LabelCodec[LabelParams]:
    context = CodecContext(name="mine", labels=LABELS, state=state or {})
    return LabelCodec(LabelParams(**{"field": "intent", **options}), context)


CODEC = codec()


def decode(rows: Any, using: LabelCodec[LabelParams] = CODEC) -> list[Any]:
    array = np.asarray(rows, dtype=np.float32)
    return list(using.decode({"logits": array}, [ENCODING] * len(array)))


def says(name: str) -> dict[str, Any]:
    return {"intent": LabelPrediction(name=name, confidence=0.5)}


@pytest.mark.parametrize(("intent", "index"), [("book", 0), ("wake", 2), ("unseen", IGNORE), (None, IGNORE)])
def test_targets_are_scalars_and_mask_what_cannot_be_learnt(intent: str | None, index: int) -> None:
    labels = CODEC.targets(Example(text="x", intent=intent), ENCODING)["labels"]
    assert labels.shape == ()
    assert labels.dtype == np.int64
    assert labels == index


def test_decode_ranks_by_probability() -> None:
    first, second = decode([[0, 2, 1], [5, 0, 0]])
    assert first["intent"] == first["intents"][0]
    assert [label.name for label in first["intents"]] == ["play", "wake", "book"]
    total = 1 + np.e + np.e**2
    assert [label.confidence for label in first["intents"]] == pytest.approx([np.e**2 / total, np.e / total, 1 / total])
    assert second["intent"].name == "book"


def test_ties_keep_the_order_of_the_labels() -> None:
    assert [label.name for label in decode([[0, 0, 0]])[0]["intents"]] == ["book", "play", "wake"]


@pytest.mark.parametrize(("top_k", "listed"), [(1, 1), (2, 2), (50, 3)])
def test_top_k(top_k: int, listed: int) -> None:
    assert len(decode([[0, 2, 1]], codec(top_k=top_k))[0]["intents"]) == listed


@given(
    rows=npst.arrays(np.float32, (2, 3), elements=st.floats(allow_nan=False, allow_infinity=False, width=32)),
    top_k=st.integers(1, 4),
)
def test_any_finite_logits_decode(rows: np.ndarray, top_k: int) -> None:
    for row, fields in zip(rows, decode(rows, codec(top_k=top_k)), strict=True):
        confidences = [label.confidence for label in fields["intents"]]
        assert confidences == sorted(confidences, reverse=True)
        assert all(0.0 <= confidence <= 1.0 for confidence in confidences)
        assert sum(confidences) <= 1.0 + 1e-9
        assert row[LABELS.names.index(fields["intent"].name)] == pytest.approx(row.max(), rel=1e-6, abs=1e-6)


def test_no_texts() -> None:
    assert CODEC.decode({"logits": np.zeros((0, 3), dtype=np.float32)}, []) == []


def test_evaluate_skips_what_is_not_annotated_and_counts_unseen_labels_as_wrong(figures: Any) -> None:
    examples = [Example(text="x", intent=intent) for intent in ("book", "unseen", None)]
    scores = figures(CODEC, examples, [says("book"), says("play"), says("play")])
    assert scores == pytest.approx({"accuracy": 0.5, "macro_f1": 0.5})
    assert figures(CODEC, examples[2:], [says("book")]) == {}
    assert CODEC.main_metric in scores


def test_gold_and_matches() -> None:
    example = Example(text="x", intent="book")
    assert CODEC.gold(example) == {"intent": LabelPrediction(name="book", confidence=1.0)}
    assert CODEC.matches(example, says("book")) is True
    assert CODEC.matches(example, says("play")) is False
    unknown = Example(text="x", entities=())
    assert CODEC.gold(unknown) is None
    assert CODEC.matches(unknown, says("book")) is None


def test_another_field() -> None:
    mood = codec(field="mood")
    example = Example(text="x", intent="book", labels={"mood": "play"})
    assert mood.fields == ("mood", "moods")
    assert mood.targets(example, ENCODING)["labels"] == 1
    (fields,) = decode([[0, 3, 0]], mood)
    assert fields["mood"].name == "play"
    assert list(fields) == ["mood", "moods"]
    assert mood.matches(example, fields) is True
    assert mood.targets(Example(text="x", intent="book"), ENCODING)["labels"] == IGNORE


def test_labels_that_are_numbers_are_read_as_text() -> None:
    examples = [Example(text="x", labels={"stars": stars}) for stars in (5, 0, None, 5)]
    assert codec(field="stars").fit_labels(examples).names == ("0", "5")


@pytest.mark.parametrize("value", [["a", "b"], {"name": "a"}])
def test_several_labels_are_refused_with_their_place(value: Any) -> None:
    example = Example(text="x", labels={"mood": value}, source="train.jsonl:4")
    with pytest.raises(DataError, match=r"train\.jsonl:4: 'mood' must be one label .* takes several"):
        codec(field="mood").label(example)


def test_fit_reads_the_annotated_examples() -> None:
    examples = [Example(text="x", intent=intent) for intent in ("play", None, "book", "play")]
    assert CODEC.fit_labels(examples).names == ("book", "play")
    with pytest.raises(NothingToLearnError, match="no training example has a label in its field 'intent'"):
        CODEC.fit_labels([])


def test_a_temperature_softens_confidences() -> None:
    (loud,), (calm,) = decode([[4, 0, 0]]), decode([[4, 0, 0]], codec({"temperature": 2.0}))
    assert loud["intent"].confidence == pytest.approx(np.exp(4) / (np.exp(4) + 2))
    assert calm["intent"].confidence == pytest.approx(np.exp(2) / (np.exp(2) + 2))


@given(
    npst.arrays(np.float32, (4, 3), elements=st.floats(-50, 50, width=32)), st.sampled_from([0.05, 0.3, 1.0, 7.0, 20.0])
)
def test_no_temperature_changes_a_decision_or_the_ranking(rows: np.ndarray, temperature: float) -> None:
    for before, after in zip(decode(rows), decode(rows, codec({"temperature": temperature})), strict=True):
        assert [label.name for label in before["intents"]] == [label.name for label in after["intents"]]
        assert before["intent"].name == after["intent"].name


def test_calibration_fits_the_temperature_on_what_is_annotated() -> None:
    outputs = [{"logits": np.array([9, 0, 0], dtype=np.float32)}] * 40
    targets = [{"labels": np.asarray(label)} for label in (0, 0, 0, 1, 0, 1, IGNORE, IGNORE) * 5]
    (found,) = CODEC.calibrate(outputs, targets).values()
    assert found == pytest.approx(9 / np.log(2 * 5 / 3), rel=0.3), "right two times in three, not always"
    assert CODEC.calibrate(outputs[:2], targets[-2:]) == {}


def test_confidence_pairs() -> None:
    assert CODEC.confidence_pairs(Example(text="x", intent="book"), says("book")) == [(0.5, True)]
    assert CODEC.confidence_pairs(Example(text="x", intent="unseen"), says("book")) == [(0.5, False)]
    assert list(CODEC.confidence_pairs(Example(text="x"), says("book"))) == []


def test_the_report_is_of_what_is_annotated() -> None:
    examples = [Example(text="x", intent=intent) for intent in ("book", "book", "unseen", None)]
    report = CODEC.report(examples, [says("book"), says("play"), says("play"), says("book")])
    assert report is not None
    assert [(row.label, row.support, row.predicted) for row in report.labels] == [
        ("book", 2, 1),
        ("unseen", 1, 0),
        ("play", 0, 2),
    ]
    assert report.confusion is not None
    assert sum(map(sum, report.confusion.counts)) == 3
    assert set(report.metrics) == {"micro_f1", "weighted_f1"}
    empty = CODEC.report(examples[3:], [says("book")])
    assert empty is not None
    assert empty.labels == ()


# --- what labels are called -------------------------------------------------------------------------------------------

TRAIN = [Example(text=f"{name} {n}", intent=name) for name in LABELS.names for n in range(12)]
PLACES = {name: place for place, name in enumerate(LABELS.names)}


def by_first_word(texts: Sequence[str]) -> np.ndarray:
    """Vectors of what can be read and learnt: each label's word is a direction, anything else a fourth one."""
    return np.eye(4, dtype=np.float32)[[PLACES.get(text.split()[0].casefold(), 3) for text in texts]]


def chosen(train: Sequence[Example] = TRAIN, **options: Any) -> tuple[list[tuple[str, Any]], str]:
    examples, left_out = codec(**options).chosen_label_examples(train, by_first_word)
    assert all(example.entities is None and example.source == "label_texts" for example in examples)
    return [(example.text, example.intent) for example in examples], left_out


def test_names_that_say_something_are_examples() -> None:
    assert chosen(label_texts=True) == ([("book", "book"), ("play", "play"), ("wake", "wake")], "")
    assert chosen(label_texts=False) == ([], "")


def test_given_texts_are_examples_whatever_they_say() -> None:
    texts = {"book": "zzz", "play": "zz", "wake": "z"}
    assert chosen(label_texts=texts) == ([("zzz", "book"), ("zz", "play"), ("z", "wake")], "")


def test_where_no_name_says_anything_none_is_an_example() -> None:
    swapped = {"book": "play", "play": "wake", "wake": "book"}
    examples, left_out = chosen([Example(text=swapped[e.intent], intent=e.intent) for e in TRAIN], label_texts=True)
    assert examples == []
    assert "they say nothing of their examples (book, play, wake); label_texts can give them texts" in left_out


def test_a_label_whose_name_is_left_out_has_an_example_twice() -> None:
    labels = LabelSpace(("Book!", "book", "play", "wake"))
    mine = LabelCodec(LabelParams(field="intent", label_texts=True), CodecContext(name="mine", labels=labels))
    train = [*TRAIN, Example(text="a book", intent="Book!"), Example(text="the book", intent="Book!")]
    examples, left_out = mine.chosen_label_examples(train, by_first_word)
    assert [(example.text, example.intent) for example in examples] == [
        ("play", "play"),
        ("wake", "wake"),
        ("a book", "Book!"),
        ("book 0", "book"),
    ]
    assert "no letters or read the same (Book!, book); label_texts can" in left_out


def test_only_some_examples_of_each_label_are_looked_at() -> None:
    seen: list[str] = []

    def vectors(texts: Sequence[str]) -> np.ndarray:
        seen.extend(texts)
        return by_first_word(texts)

    codec(label_texts=True).chosen_label_examples(TRAIN * 50, vectors)
    assert len(seen) == 3 + 3 * 10
