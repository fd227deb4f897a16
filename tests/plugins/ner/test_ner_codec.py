"""Targets at first subwords, decoding to exact slices of the raw text, strict evaluation."""

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
from nlu_kit.metrics.calibration import FEW
from nlu_kit.registry import Registry
from nlu_kit_ner.codec import NerCodec
from nlu_kit_ner.tags import tag_names

LABELS = LabelSpace(("O", "B-city", "I-city", "B-date", "I-date"))
OUT, B_CITY, I_CITY, B_DATE, I_DATE = range(5)
TEXT = "fly to New York today?"
# [CLS] fly to new yo ##rk to ##day ? [SEP]
WORDS = (
    Word(1, 2, 0, 3),
    Word(2, 3, 4, 6),
    Word(3, 4, 7, 10),
    Word(4, 6, 11, 15),
    Word(6, 8, 16, 21),
    Word(8, 9, 21, 22),
)
ENCODING = Encoding(text=TEXT, ids=tuple(range(10)), words=WORDS, truncated=False)
CITY = Entity(start=7, end=15, label="city")
DATE = Entity(start=16, end=21, label="date")
EMPTY = Encoding(text=" ", ids=(0, 1), words=(), truncated=False)


def codec(*, labels: LabelSpace = LABELS, state: Any = None, **options: Any) -> NerCodec:
    spec = Registry.load().get("head", "ner").spec
    built = spec.codec(spec.params(**options), CodecContext(name="ner", labels=labels, state=state or {}))
    assert isinstance(built, NerCodec)
    return built


CODEC = codec()


def targets(example: Example, encoding: Encoding = ENCODING) -> list[int]:
    return CODEC.targets(example, encoding)["labels"].tolist()


def logits(path: list[int], encoding: Encoding = ENCODING, *, sure: float = 9.0) -> np.ndarray:
    """[T, C]: ``sure`` at the words' tags; further subwords and special tokens shout something else."""
    array = np.zeros((len(encoding), len(LABELS)), dtype=np.float32)
    array[:, I_DATE] = 99.0
    for word, tag in zip(encoding.words, path, strict=True):
        array[word.token] = 0.0
        array[word.token, tag] = sure
    return array


def entities(
    array: np.ndarray, encoding: Encoding = ENCODING, *, codec: NerCodec = CODEC
) -> tuple[EntityPrediction, ...]:
    found: tuple[EntityPrediction, ...] = codec.decode({"logits": array[None]}, [encoding])[0]["entities"]
    return found


def test_targets_sit_at_first_subwords_only() -> None:
    found = targets(Example(text=TEXT, entities=(CITY, DATE)))
    assert found == [IGNORE, OUT, OUT, B_CITY, I_CITY, IGNORE, B_DATE, IGNORE, OUT, IGNORE]
    assert CODEC.targets(Example(text=TEXT, entities=()), ENCODING)["labels"].dtype == np.int64


def test_not_annotated_is_masked_and_annotated_empty_is_outside() -> None:
    assert targets(Example(text=TEXT)) == [IGNORE] * 10
    assert [label for label in targets(Example(text=TEXT, entities=())) if label != IGNORE] == [OUT] * 6


def test_a_label_that_train_never_had_is_masked() -> None:
    airline = Entity(start=0, end=6, label="airline")
    assert targets(Example(text=TEXT, entities=(airline, CITY)))[:5] == [IGNORE, IGNORE, IGNORE, B_CITY, I_CITY]


def test_unlearnable_is_what_the_tokens_cannot_express() -> None:
    inside = Entity(start=8, end=15, label="city")  # "ew York"
    half = Entity(start=16, end=18, label="date")  # "to" of "today"
    beyond = Entity(start=16, end=30, label="date")  # truncated away
    assert CODEC.unlearnable(Example(text=TEXT, entities=(CITY, DATE)), ENCODING) == []
    assert CODEC.unlearnable(Example(text=TEXT, entities=(inside, half)), ENCODING) == [inside, half]
    assert CODEC.unlearnable(Example(text=TEXT, entities=(CITY, beyond)), ENCODING) == [beyond]
    assert CODEC.unlearnable(Example(text=TEXT, entities=(CITY,)), EMPTY) == [CITY]
    assert CODEC.unlearnable(Example(text=TEXT), ENCODING) == []


def test_the_words_of_a_lost_annotation_are_masked() -> None:
    half = Entity(start=16, end=18, label="date")  # "to" of "today"
    assert targets(Example(text=TEXT, entities=(CITY, half))) == [
        *(IGNORE, OUT, OUT, B_CITY, I_CITY, IGNORE, IGNORE, IGNORE, OUT, IGNORE)
    ]
    overlapping = Entity(start=11, end=21, label="date")  # "York today"
    assert targets(Example(text=TEXT, entities=(CITY, overlapping))) == [
        *(IGNORE, OUT, OUT, B_CITY, I_CITY, IGNORE, IGNORE, IGNORE, OUT, IGNORE)
    ]


def test_targets_of_a_truncated_text() -> None:
    short = Encoding(text=TEXT, ids=tuple(range(5)), words=WORDS[:3], truncated=True)
    assert targets(Example(text=TEXT, entities=(CITY, DATE)), short) == [IGNORE, OUT, OUT, IGNORE, IGNORE]


def test_decode_slices_the_raw_text() -> None:
    city, date = entities(logits([OUT, OUT, B_CITY, I_CITY, B_DATE, OUT]))
    assert (city.start, city.end, city.text, city.label) == (7, 15, "New York", "city")
    assert (date.start, date.end, date.text, date.label) == (16, 21, "today", "date")


def test_confidence_is_the_mean_probability_of_the_tags() -> None:
    array = logits([OUT, OUT, B_CITY, I_CITY, OUT, OUT])
    array[4] = [0, 0, 1, 0, 0]
    (city,) = entities(array)
    sure, unsure = np.exp(9) / (np.exp(9) + 4), np.exp(1) / (np.exp(1) + 4)
    assert city.confidence == pytest.approx((sure + unsure) / 2)


def test_an_illegal_best_tag_gives_way() -> None:
    array = logits([OUT, OUT, I_CITY, OUT, OUT, OUT])  # the best single tag is an I- after O
    array[3, B_CITY] = 8.0
    (city,) = entities(array)
    assert (city.text, city.label) == ("New", "city")


def test_empty_texts_decode_to_nothing() -> None:
    assert entities(logits([], EMPTY), EMPTY) == ()
    assert CODEC.decode({"logits": np.zeros((0, 4, 5), dtype=np.float32)}, []) == []


def test_targets_decode_to_the_annotation(figures: Any) -> None:
    example = Example(text=TEXT, entities=(CITY, DATE))
    labels = CODEC.targets(example, ENCODING)["labels"]
    prediction = {"entities": entities(logits([labels[word.token] for word in WORDS]))}
    assert CODEC.matches(example, prediction)
    assert figures(CODEC, [example], [prediction])["f1"] == 1.0


@given(array=npst.arrays(np.float32, (10, 5), elements=st.floats(allow_nan=False, allow_infinity=False, width=32)))
def test_any_finite_logits_decode(array: np.ndarray) -> None:
    end = 0
    for entity in entities(array):
        assert end <= entity.start < entity.end <= len(TEXT)
        assert entity.text == TEXT[entity.start : entity.end]
        assert entity.label in ("city", "date")
        assert 0.0 <= entity.confidence <= 1.0 + 1e-9
        end = entity.end


def predicted(*spans: Entity) -> dict[str, Any]:
    return {
        "entities": tuple(
            EntityPrediction(start=s.start, end=s.end, text=TEXT[s.start : s.end], label=s.label, confidence=0.5)
            for s in spans
        )
    }


def test_evaluate_counts_unseen_labels_as_wrong_and_skips_what_is_not_annotated(figures: Any) -> None:
    airline = Entity(start=0, end=3, label="airline")
    examples = [Example(text=TEXT, entities=(CITY, airline)), Example(text=TEXT)]
    scores = figures(CODEC, examples, [predicted(CITY), predicted(DATE)])
    assert scores == pytest.approx({"precision": 1.0, "recall": 0.5, "f1": 2 / 3})
    assert figures(CODEC, examples[1:], [predicted(DATE)]) == {}
    assert CODEC.main_metric in scores


def test_evaluate_sees_entities_that_the_tokenizer_lost(figures: Any) -> None:
    lost = Example(text=TEXT, entities=(Entity(start=16, end=18, label="date"),))
    assert CODEC.unlearnable(lost, ENCODING) == list(lost.entities or ())
    assert figures(CODEC, [lost], [predicted(DATE)])["f1"] == 0.0


def test_matches() -> None:
    example = Example(text=TEXT, entities=(DATE, CITY))
    assert CODEC.matches(example, predicted(CITY, DATE)) is True
    assert CODEC.matches(example, predicted(CITY)) is False
    assert CODEC.matches(Example(text=TEXT, entities=()), predicted()) is True
    assert CODEC.matches(Example(text=TEXT), predicted(CITY)) is None


def test_gold_has_the_form_and_order_of_a_prediction() -> None:
    gold = CODEC.gold(Example(text=TEXT, entities=(DATE, CITY)))
    assert gold is not None
    assert [(entity.text, entity.label, entity.confidence) for entity in gold["entities"]] == [
        ("New York", "city", 1.0),
        ("today", "date", 1.0),
    ]
    assert CODEC.gold(Example(text=TEXT)) is None


def test_another_field() -> None:
    slots = codec(field="slots")
    example = Example(text=TEXT, entities=(DATE,), labels={"slots": (CITY,)})
    assert slots.fields == ("slots",)
    assert slots.targets(example, ENCODING)["labels"].tolist()[3:5] == [B_CITY, I_CITY]
    assert list(slots.decode({"logits": logits([OUT] * 6)[None]}, [ENCODING])[0]) == ["slots"]


def test_a_field_that_holds_something_else_is_a_data_error() -> None:
    example = Example(text=TEXT, labels={"slots": ["city"]}, source="train.jsonl:3")
    with pytest.raises(DataError, match=r"train\.jsonl:3: 'slots' must be a list of"):
        codec(field="slots").targets(example, ENCODING)


def test_confidence_pairs_are_the_predicted_spans() -> None:
    wrong = Entity(start=16, end=22, label="date")
    example = Example(text=TEXT, entities=(CITY, DATE))
    assert CODEC.confidence_pairs(example, predicted(CITY, wrong)) == [(0.5, True), (0.5, False)]
    assert CODEC.confidence_pairs(example, predicted()) == []
    assert CODEC.confidence_pairs(Example(text=TEXT), predicted(CITY)) == ()


def test_the_report_covers_annotated_examples() -> None:
    short = Entity(start=11, end=15, label="city")
    report = CODEC.report(
        [Example(text=TEXT, entities=(CITY, DATE)), Example(text=TEXT)], [predicted(short, DATE), predicted(DATE)]
    )
    assert [(row.label, row.support, row.predicted, row.f1) for row in report.labels] == [
        ("city", 1, 1, 0.0),
        ("date", 1, 1, 1.0),
    ]
    assert report.metrics == {"macro_f1": 0.5, "boundary_f1": 0.5, "type_f1": 1.0}
    assert CODEC.report([Example(text=TEXT)], [predicted(DATE)]).metrics == {}


def test_of_two_that_overlap_the_later_is_lost() -> None:
    whole = Entity(start=0, end=15, label="city")
    assert CODEC.unlearnable(Example(text=TEXT, entities=(CITY, DATE, whole)), ENCODING) == [CITY]


def test_calibration_moves_confidences_and_nothing_else() -> None:
    sure = [logits([OUT, OUT, B_CITY, I_CITY, B_DATE, OUT]), logits([OUT, OUT, OUT, OUT, B_DATE, OUT])]
    padded = [
        np.pad(array, ((0, 3), (0, 0)), constant_values=7.0) for array in sure
    ]  # as in a batch with a longer text
    gold = Example(text=TEXT, entities=(CITY, DATE))  # the second is wrong: too sure
    wanted = [CODEC.targets(gold, ENCODING)] * 2
    state = CODEC.calibrate([{"logits": array} for array in padded] * 10, wanted * 10)
    assert state.keys() == {"temperature"}
    assert state["temperature"] > 1.0
    calibrated = codec(state=state)
    for array in sure:
        before, after = entities(array), entities(array, codec=calibrated)
        assert [(e.start, e.end, e.label) for e in before] == [(e.start, e.end, e.label) for e in after]
        assert all(b.confidence > a.confidence for b, a in zip(before, after, strict=True))


def test_the_fewer_spans_there_are_the_less_they_change_what_is_known() -> None:
    sure = {"logits": logits([OUT, OUT, OUT, OUT, B_DATE, OUT])}  # one span a text, and it is wrong
    wanted = CODEC.targets(Example(text=TEXT, entities=(CITY,)), ENCODING)
    fitted = [CODEC.calibrate([sure] * count, [wanted] * count)["temperature"] for count in (1, 10, 29, FEW)]
    assert SPANS_TEMPERATURE < fitted[0] < 1.2 * SPANS_TEMPERATURE
    assert fitted == sorted(fitted)
    assert codec(state={}).state.temperature == 1.0


def test_nothing_to_calibrate_on() -> None:
    wanted = [CODEC.targets(Example(text=TEXT), ENCODING)]
    expected = pytest.approx({"temperature": SPANS_TEMPERATURE})
    assert CODEC.calibrate([{"logits": logits([OUT] * 6)}], wanted) == expected
    assert CODEC.calibrate([], []) == expected


def test_bilou_says_where_an_entity_ends() -> None:
    labels = LabelSpace(tag_names(["city", "date"], "bilou"))
    bilou = codec(labels=labels, scheme="bilou")
    example = Example(text=TEXT, entities=(CITY, DATE))
    found = bilou.targets(example, ENCODING)["labels"]
    assert [labels.names[found[word.token]] for word in WORDS] == ["O", "O", "B-city", "L-city", "U-date", "O"]
    array = np.zeros((10, len(labels)), dtype=np.float32)
    array[[word.token for word in WORDS], found[[word.token for word in WORDS]]] = 9.0
    prediction = {"entities": entities(array, codec=bilou)}
    assert bilou.matches(example, prediction)
    array[WORDS[3].token] = 0.0  # B- alone would be illegal: something must follow
    assert [e.text for e in entities(array, codec=bilou)] == ["New York", "today"]


@pytest.mark.parametrize("scheme", ["bio", "bilou"])
def test_fit_has_all_tags_of_every_label_in_order(scheme: Any) -> None:
    for head in ("ner", "crf_ner"):
        spec = Registry.load().get("head", head).spec
        empty = spec.codec(spec.params(scheme=scheme), CodecContext(name="ner", labels=LabelSpace(())))
        labels = empty.fit_labels([Example(text=TEXT, entities=(DATE, CITY))])
        assert labels.names == tag_names(["city", "date"], scheme)


def test_fit_needs_an_entity() -> None:
    examples = [Example(text=TEXT, entities=(DATE, CITY)), Example(text=TEXT), Example(text=TEXT, entities=())]
    assert CODEC.fit_labels(examples) == LABELS
    with pytest.raises(DataError, match="no training example has an entity in its field 'entities'"):
        CODEC.fit_labels(examples[1:])
