"""Targets for every span, decoding to exact slices of the raw text, strict evaluation of spans that may overlap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nlu_kit.data.encoding import Encoding, Word
from nlu_kit.data.example import Entity, Example
from nlu_kit.data.labels import IGNORE, LabelSpace
from nlu_kit.data.prediction import EntityPrediction
from nlu_kit.errors import DataError
from nlu_kit.heads.codec import CodecContext
from nlu_kit.heads.spans import SPANS_TEMPERATURE
from nlu_kit.registry import Registry
from nlu_kit_span_ner.codec import SpanNerCodec

LABELS = LabelSpace(("O", "city", "org"))
NOTHING, CITY, ORG = range(3)
# [CLS] bank of new ##y York [SEP]
TEXT = "Bank of Newy York"
WORDS = (Word(1, 2, 0, 4), Word(2, 3, 5, 7), Word(3, 5, 8, 12), Word(5, 6, 13, 17))
ENCODING = Encoding(text=TEXT, ids=tuple(range(7)), words=WORDS, truncated=False)
EMPTY = Encoding(text=" ", ids=(0, 1), words=(), truncated=False)
BANK, YORK = Entity(start=0, end=17, label="org"), Entity(start=8, end=17, label="city")
CROSSING = Entity(start=5, end=12, label="city")


def codec(state: dict[str, Any] | None = None, **options: Any) -> SpanNerCodec:
    spec = Registry.load().get("head", "span_ner").spec
    params = spec.params(**{"max_width": 4, **options})
    built = spec.codec(params, CodecContext(name="ner", labels=LABELS, state=state or {}))
    assert isinstance(built, SpanNerCodec)
    return built


CODEC = codec()


def logits(cells: dict[tuple[int, int], tuple[int, float]], *, length: int = 7, width: int = 4) -> np.ndarray:
    """[T, K, C]: by (token, width - 1), a class and how sure; all that is no span shouts something else."""
    array = np.zeros((length, width, 3), dtype=np.float32)
    array[..., ORG] = 99.0
    for number, word in enumerate(WORDS):
        array[word.token, : len(WORDS) - number] = (5.0, 0.0, 0.0)
    for (token, k), (label, sure) in cells.items():
        array[token, k, label] = 5.0 + sure
    return array


def entities(array: np.ndarray, by: SpanNerCodec = CODEC) -> list[tuple[str, str]]:
    (fields,) = by.decode({"logits": array[None]}, [ENCODING])
    return [(entity.label, entity.text) for entity in fields["entities"]]


def test_targets_are_the_table_of_all_spans() -> None:
    labels = CODEC.targets(Example(text=TEXT, entities=(BANK, YORK)), ENCODING)["labels"]
    assert labels.dtype == np.int64
    no = [IGNORE] * 4
    assert labels.tolist() == [
        no,
        [NOTHING, NOTHING, NOTHING, ORG],
        [NOTHING, NOTHING, NOTHING, IGNORE],
        [NOTHING, CITY, IGNORE, IGNORE],
        no,
        [NOTHING, IGNORE, IGNORE, IGNORE],
        no,
    ]


def test_targets_of_the_rest() -> None:
    assert (CODEC.targets(Example(text=TEXT), ENCODING)["labels"] == IGNORE).all()
    none = CODEC.targets(Example(text=TEXT, entities=()), ENCODING)["labels"]
    assert sorted(none[none != IGNORE].tolist()) == [NOTHING] * 10
    unseen = CODEC.targets(Example(text=TEXT, entities=(Entity(start=0, end=4, label="new"),)), ENCODING)["labels"]
    assert unseen[1, 0] == IGNORE
    assert CODEC.targets(Example(text=" ", entities=()), EMPTY)["labels"].shape == (2, 4)


def test_nested_spans_come_out_with_exact_offsets_the_longer_first() -> None:
    array = logits({(1, 3): (ORG, 4), (3, 1): (CITY, 9)})
    (fields,) = CODEC.decode({"logits": array[None]}, [ENCODING])
    assert [(e.start, e.end, e.text, e.label) for e in fields["entities"]] == [
        (0, 17, TEXT, "org"),
        (8, 17, "Newy York", "city"),
    ]
    probability = np.exp(9.0) / (np.exp(5.0) + np.exp(9.0) + 1)
    assert fields["entities"][0].confidence == pytest.approx(probability, rel=1e-5)


def test_the_surer_of_two_that_clash_stays() -> None:
    array = logits({(1, 3): (ORG, 4), (3, 1): (CITY, 9), (2, 1): (CITY, 5)})  # "of Newy" crosses "Newy York"
    assert entities(array) == [("org", TEXT), ("city", "Newy York")]
    assert entities(array, codec(overlap="allow")) == [("org", TEXT), ("city", "of Newy"), ("city", "Newy York")]
    assert entities(array, codec(overlap="flat")) == [("city", "Newy York")]


def test_padding_and_texts_without_words() -> None:
    padded = np.concatenate([logits({}), np.full((3, 4, 3), 99.0, dtype=np.float32)])
    assert entities(padded) == []
    assert CODEC.decode({"logits": padded[None]}, [EMPTY]) == [{"entities": ()}]


@given(npst.arrays(np.float32, (7, 4, 3), elements=st.floats(-50, 50, width=32)), st.sampled_from([0.05, 1.0, 20.0]))
def test_whatever_the_logits_entities_are_spans_of_words(array: np.ndarray, temperature: float) -> None:
    (fields,) = codec({"temperature": temperature}).decode({"logits": array[None]}, [ENCODING])
    starts, ends = {word.start for word in WORDS}, {word.end for word in WORDS}
    found = fields["entities"]
    assert len({(e.start, e.end) for e in found}) == len(found)
    for entity in found:
        assert entity.start in starts
        assert entity.end in ends
        assert entity.text == TEXT[entity.start : entity.end]
        assert 0 <= entity.confidence <= 1


def test_what_is_lost() -> None:
    def lost(*entities: Entity, by: SpanNerCodec = CODEC) -> list[Entity]:
        return list(by.unlearnable(Example(text=TEXT, entities=entities), ENCODING))

    assert lost(BANK, YORK) == []
    assert lost(BANK, YORK, by=codec(max_width=3)) == [BANK]
    assert lost(BANK, YORK, by=codec(overlap="flat")) == [YORK]
    assert lost(YORK, CROSSING) == [YORK]
    assert lost(YORK, CROSSING, by=codec(overlap="allow")) == []
    twin = Entity(start=8, end=17, label="org")
    assert lost(YORK, twin) == [twin]  # the same words
    inside, beyond = Entity(start=1, end=4, label="city"), Entity(start=8, end=30, label="city")
    assert lost(inside, beyond) == [inside, beyond]
    assert list(CODEC.unlearnable(Example(text=TEXT), ENCODING)) == []


def test_what_may_be_a_lost_annotation_is_masked_and_everything_else_taught() -> None:
    inside = Entity(start=9, end=17, label="city")  # "ewy York"
    labels = CODEC.targets(Example(text=TEXT, entities=(BANK, inside)), ENCODING)["labels"]
    without = CODEC.targets(Example(text=TEXT, entities=(BANK,)), ENCODING)["labels"]
    changed = {(int(token), int(width)) for token, width in zip(*np.nonzero(labels != without), strict=True)}
    assert changed == {(3, 0), (3, 1), (5, 0)}
    assert all(labels[place] == IGNORE for place in changed)


def test_what_is_not_lost_comes_back_from_its_targets() -> None:
    example = Example(text=TEXT, entities=(BANK, YORK))
    labels = CODEC.targets(example, ENCODING)["labels"]
    perfect = np.eye(3, dtype=np.float32)[np.maximum(labels, 0)] * 9
    (fields,) = CODEC.decode({"logits": perfect[None]}, [ENCODING])
    assert CODEC.matches(example, fields) is True


def test_calibrate_fits_the_spans_that_are_predicted() -> None:
    # Half of what is predicted at logit 4 against 0 and 0 is right: the fit must be far less sure.
    gold = [CODEC.targets(Example(text=TEXT, entities=e), ENCODING) for e in ((BANK,), ())] * 20
    outputs = [{"logits": np.concatenate([logits({(1, 3): (ORG, 4)}), np.zeros((2, 4, 3), np.float32)])}] * 40
    state = CODEC.calibrate(outputs, gold)
    assert state["temperature"] > 4
    (fields,) = codec(dict(state)).decode({"logits": outputs[0]["logits"][None]}, [ENCODING])
    assert CODEC.decode({"logits": outputs[0]["logits"][None]}, [ENCODING])[0]["entities"][0].confidence > 0.95
    assert fields["entities"][0].confidence < 0.7
    expected = pytest.approx({"temperature": SPANS_TEMPERATURE})
    assert CODEC.calibrate([], []) == expected
    assert CODEC.calibrate(outputs[:1], [CODEC.targets(Example(text=TEXT), ENCODING)]) == expected
    assert CODEC.calibrate(outputs[:30], gold[:30]) == pytest.approx(dict(state), rel=0.01)


def predicted(*entities: Entity) -> dict[str, Any]:
    return {
        "entities": tuple(
            EntityPrediction(start=e.start, end=e.end, text=TEXT[e.start : e.end], label=e.label, confidence=0.8)
            for e in entities
        )
    }


def test_figures_are_strict_and_know_overlaps(figures: Any) -> None:
    wrong = Entity(start=8, end=17, label="org")
    examples = [Example(text=TEXT, entities=(BANK, YORK)), Example(text=TEXT, entities=()), Example(text=TEXT)]
    predictions = [predicted(BANK, wrong), predicted(), predicted(YORK)]
    assert figures(CODEC, examples, predictions) == pytest.approx({"precision": 0.5, "recall": 0.5, "f1": 0.5})
    assert figures(CODEC, examples[1:], predictions[1:]) == {}
    assert CODEC.confidence_pairs(examples[0], predictions[0]) == [(0.8, True), (0.8, False)]
    assert CODEC.confidence_pairs(examples[2], predictions[2]) == ()
    report = CODEC.report(examples, predictions)
    assert report.metrics["boundary_f1"] == 1.0
    assert [(row.label, row.support, row.predicted) for row in report.labels] == [("city", 1, 0), ("org", 1, 2)]
    assert [row.f1 for row in report.labels] == pytest.approx([0, 2 / 3])
    assert not CODEC.report(examples[1:], predictions[1:]).metrics


def test_gold_matches_and_unseen() -> None:
    example = Example(text=TEXT, entities=(YORK, BANK))
    gold = CODEC.gold(example)
    assert gold is not None
    assert [entity.text for entity in gold["entities"]] == [TEXT, "Newy York"]
    assert CODEC.matches(example, gold) is True
    assert CODEC.matches(example, predicted(BANK)) is False
    assert CODEC.matches(Example(text=TEXT), predicted()) is None
    assert CODEC.gold(Example(text=TEXT)) is None
    assert CODEC.unseen(Example(text=TEXT, entities=(BANK, Entity(start=0, end=4, label="new")))) == ["new"]


def test_fit() -> None:
    assert CODEC.fit_labels([Example(text=TEXT, entities=(BANK, YORK)), Example(text="x")]) == LABELS
    with pytest.raises(DataError, match="no training example has an entity in its field 'entities'"):
        CODEC.fit_labels([Example(text=TEXT, entities=())])
    with pytest.raises(DataError, match="'O' is what span_ner calls"):
        CODEC.fit_labels([Example(text=TEXT, entities=(Entity(start=0, end=4, label="O"),))])
