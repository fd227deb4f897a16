"""What `crf_ner` decodes: Viterbi over learned transitions, marginals for confidences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nlu_kit.data.encoding import Encoding, Word
from nlu_kit.data.example import Entity, Example
from nlu_kit.data.labels import IGNORE, LabelSpace
from nlu_kit.heads.codec import CodecContext
from nlu_kit.heads.spans import SPANS_TEMPERATURE
from nlu_kit.registry import Registry
from nlu_kit_ner.codec import CrfNerCodec
from nlu_kit_ner.lattice import Lattice
from nlu_kit_ner.tags import spans_of, tag_names

LABELS = LabelSpace(tag_names(["city"], "bio"))
OUT, B_CITY, I_CITY = range(3)
TEXT = "to New York"
ENCODING = Encoding(
    text=TEXT, ids=(0,) * 6, words=(Word(1, 2, 0, 2), Word(2, 3, 3, 6), Word(3, 5, 7, 11)), truncated=False
)
EMPTY = Encoding(text=" ", ids=(0, 1), words=(), truncated=False)
CITY = Entity(start=3, end=11, label="city")
ZEROS: dict[str, Any] = {"start": [0.0] * 3, "steps": [[0.0] * 3] * 3, "end": [0.0] * 3}


def codec(*, temperature: float = 1.0, scheme: str = "bio") -> CrfNerCodec:
    spec = Registry.load().get("head", "crf_ner").spec
    state = {"temperature": temperature}
    labels = LabelSpace(tag_names(["city"], scheme))  # type: ignore[arg-type]
    built = spec.codec(spec.params(scheme=scheme), CodecContext(name="ner", labels=labels, state=state))
    assert isinstance(built, CrfNerCodec)
    return built


def outputs_of(logits: np.ndarray, transitions: Any = ZEROS) -> dict[str, np.ndarray]:
    """What the head puts out for texts [B, T, C]: the same transitions for each."""
    learned = {name: np.asarray(part, dtype=np.float32) for name, part in transitions.items()}
    return {"logits": logits, **{name: np.stack([part] * len(logits)) for name, part in learned.items()}}


def of_text(outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The first text's, as calibration gets them."""
    return {name: array[0] for name, array in outputs.items()}


def logits(rows: list[list[float]]) -> np.ndarray:
    array = np.full((1, len(ENCODING), len(rows[0])), 50.0, dtype=np.float32)
    array[0, [word.token for word in ENCODING.words]] = rows
    return array


FLAT = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.2, 0.0, 0.0]]


def found(reader: CrfNerCodec, rows: list[list[float]], transitions: Any = ZEROS) -> list[tuple[str, float]]:
    (fields,) = reader.decode(outputs_of(logits(rows), transitions), [ENCODING])
    return [(entity.text, entity.confidence) for entity in fields["entities"]]


def test_targets_say_where_words_begin() -> None:
    targets = codec().targets(Example(text=TEXT, entities=(CITY,)), ENCODING)
    assert targets["tokens"].tolist() == [1, 2, 3]
    assert targets["tokens"].dtype == np.int64
    assert targets["labels"].tolist() == [IGNORE, OUT, B_CITY, I_CITY, IGNORE, IGNORE]
    assert codec().targets(Example(text=" "), EMPTY)["tokens"].shape == (0,)


def test_learned_transitions_change_what_is_decoded() -> None:
    assert [text for text, _ in found(codec(), FLAT)] == ["New"]
    goes_on = {**ZEROS, "steps": [[0, 0, 0], [0, 0, 2.0], [0, 0, 0]]}
    assert [text for text, _ in found(codec(), FLAT, goes_on)] == ["New York"]
    assert [text for text, _ in found(codec(), FLAT, {**ZEROS, "start": [0, 9.0, 0]})] == ["to", "New"]
    assert [text for text, _ in found(codec(), FLAT, {**ZEROS, "end": [0, 0, 9.0]})] == ["New York"]


def test_a_confidence_is_the_mean_marginal_of_its_words() -> None:
    reader, transitions = codec(), {**ZEROS, "steps": [[0, 0, 0], [0, 0, 2.0], [0, 0, 0]]}
    words = np.array(FLAT)
    lattice = reader.lattice(of_text(outputs_of(logits(FLAT), transitions)))
    shares = reader.probabilities([words], lattice, 1.0)[0]
    ((_, confidence),) = found(reader, FLAT, transitions)
    assert confidence == pytest.approx((shares[1, B_CITY] + shares[2, I_CITY]) / 2)


def test_a_temperature_scales_confidences_and_leaves_decisions() -> None:
    hot, plain, cold = (found(codec(temperature=t), FLAT) for t in (3.0, 1.0, 0.3))
    assert hot[0][0] == plain[0][0] == cold[0][0] == "New"
    assert hot[0][1] < plain[0][1] < cold[0][1]


def test_calibration_of_a_chain_that_is_too_sure() -> None:
    """Tags drawn from a known chain; the model's scores are that chain's times three."""
    generator = np.random.default_rng(4)
    true = {"start": [0.5, 0.0, 0.0], "steps": generator.normal(size=(3, 3)).tolist(), "end": [0.0, 0.3, 0.1]}
    tripled_transitions = {name: 3 * np.array(part) for name, part in true.items()}
    tripled = codec()
    truth = tripled.lattice({name: np.array(part) for name, part in true.items()})
    outputs, targets = [], []
    for _ in range(400):
        rows = generator.normal(scale=1.5, size=(5, 3))
        tags = _drawn(tripled, truth, rows, generator)
        padded = np.pad(3 * rows, ((1, 4), (0, 0)), constant_values=9.0).astype(np.float32)
        outputs.append(of_text(outputs_of(padded[None], tripled_transitions)))
        labels = np.array([IGNORE, *tags, IGNORE])
        targets.append({"labels": labels, "tokens": np.arange(1, 6)})
    state = tripled.calibrate(outputs, targets)
    temperature = state["temperature"]
    assert temperature > 2.5
    calibrated = codec(temperature=temperature)
    gap = {name: _gap(reader, outputs, targets) for name, reader in (("before", tripled), ("after", calibrated))}
    assert gap["before"] > 0.2
    assert abs(gap["after"]) < 0.03
    hidden = [{**target, "labels": np.full(7, IGNORE)} for target in targets]
    nothing = pytest.approx({"temperature": SPANS_TEMPERATURE})
    assert tripled.calibrate(outputs, hidden) == nothing
    assert tripled.calibrate([], []) == nothing
    assert tripled.calibrate(outputs + outputs, targets + hidden)["temperature"] == pytest.approx(temperature)


def _gap(reader: CrfNerCodec, outputs: Any, targets: Any) -> float:
    """How much higher the mean confidence of predicted spans is than the share of them that is right."""
    words = tuple(Word(place + 1, place + 2, 2 * place, 2 * place + 1) for place in range(5))
    encoding = Encoding(text="a b c d e", ids=tuple(range(7)), words=words, truncated=False)
    confidences, right = [], []
    for output, target in zip(outputs, targets, strict=True):
        gold = {
            (words[span.first].start, words[span.last].end)
            for span in spans_of([reader.labels.names[tag] for tag in target["labels"][1:6]])
        }
        (decoded,) = reader.decode({name: array[None] for name, array in output.items()}, [encoding])
        confidences += [entity.confidence for entity in decoded["entities"]]
        right += [(entity.start, entity.end) in gold for entity in decoded["entities"]]
    return float(np.mean(confidences) - np.mean(right))


def _drawn(reader: CrfNerCodec, lattice: Lattice, rows: np.ndarray, generator: np.random.Generator) -> list[int]:
    """A sequence drawn from the chain, word by word: the marginal of a word, given those before."""
    rows, tags = rows.copy(), []
    for position in range(len(rows)):
        shares = reader.probabilities([rows], lattice, 1.0)[0][position]
        tags.append(int(generator.choice(3, p=shares)))
        rows[position, [tag for tag in range(3) if tag != tags[-1]]] = -1e3
    return tags


def test_all_right_is_no_reason_for_certainty() -> None:
    rows = [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 2.0]]
    reader = codec()
    target = reader.targets(Example(text=TEXT, entities=(CITY,)), ENCODING)
    temperature = reader.calibrate([of_text(outputs_of(logits(rows)))] * 30, [target] * 30)["temperature"]
    assert 0.1 < temperature < 1.0
    ((_, confidence),) = found(codec(temperature=temperature), rows)
    assert confidence < 0.999


any_finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


@settings(deadline=None)
@given(array=npst.arrays(np.float32, (2, 6, 5), elements=any_finite))
def test_any_finite_logits_decode(array: np.ndarray) -> None:
    none = {"start": np.zeros(5), "steps": np.zeros((5, 5)), "end": np.zeros(5)}
    decoded = codec(scheme="bilou").decode(outputs_of(array, none), [ENCODING, EMPTY])
    assert decoded[1] == {"entities": ()}
    end = 0
    for entity in decoded[0]["entities"]:
        assert end <= entity.start < entity.end <= len(TEXT)
        assert entity.text == TEXT[entity.start : entity.end]
        assert 0.0 <= entity.confidence <= 1.0
        end = entity.end
