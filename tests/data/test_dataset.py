"""Examples encoded once: targets of every head, lengths, and what can not be learnt."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from nlu_kit.data.dataset import EncodedDataset, encode_dataset
from nlu_kit.data.encoding import Encoding, Tokenizer
from nlu_kit.data.example import Entity, Example
from nlu_kit.data.labels import IGNORE, LabelSpace


class Spy:
    """A codec that counts the words of a text, and can not learn a text without an intent."""

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        labels = np.full(len(encoding), IGNORE, dtype=np.int64)
        for word in encoding.words:
            labels[word.token] = len(example.text) % 3
        return {"labels": labels}

    def unlearnable(self, example: Example, encoding: Encoding) -> list[Entity]:
        return [Entity(start=0, end=2, label="x")] if example.intent is None else []


class Regression:
    """Float targets, one per sentence; nothing to count classes of."""

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        return {"labels": np.asarray(0.5, dtype=np.float32), "other": np.asarray(1, dtype=np.int64)}

    def unlearnable(self, example: Example, encoding: Encoding) -> list[Entity]:
        return []


EXAMPLES = [
    Example(text="book a table", intent="book"),
    Example(text="hi", source="a.jsonl:2"),
    Example(text="play some jazz by Miles Davis in Paris", intent="play"),
]


@pytest.fixture
def dataset(make_tokenizer: Callable[..., Tokenizer]) -> EncodedDataset:
    return encode_dataset(EXAMPLES, make_tokenizer(max_length=6), {"spy": Spy(), "size": Regression()})


def test_everything_is_parallel_to_the_examples(dataset: EncodedDataset) -> None:
    assert len(dataset) == 3
    assert [encoding.text for encoding in dataset.encodings] == [example.text for example in EXAMPLES]
    assert dataset.lengths.tolist() == [len(encoding) for encoding in dataset.encodings]
    assert [targets["spy"]["labels"].shape[0] for targets in dataset.targets] == dataset.lengths.tolist()


def test_what_can_not_be_learnt_and_what_is_truncated(dataset: EncodedDataset) -> None:
    (lost,) = dataset.unlearnable["spy"]
    assert (lost.example, lost.encoding) == (EXAMPLES[1], dataset.encodings[1])
    assert str(lost) == "a.jsonl:2: 'hi' [0, 2) x"
    assert dataset.unlearnable["size"] == []
    assert EXAMPLES[2] in dataset.truncated
    assert dataset.encodings[2].truncated
    assert not dataset.encodings[1].truncated


def test_class_counts_leave_ignored_targets_out(dataset: EncodedDataset) -> None:
    expected = [0, 0, 0, 0]
    for example, encoding in zip(dataset.examples, dataset.encodings, strict=True):
        expected[len(example.text) % 3] += len(encoding.words)
    counts = dataset.class_counts("spy", 4)
    assert counts.dtype == np.int64
    assert counts.tolist() == expected
    assert sum(expected) >= 3


def test_class_counts_of_scalar_labels() -> None:
    targets = [{"intent": {"labels": np.asarray(label, dtype=np.int64)}} for label in (0, 2, IGNORE, 2)]
    dataset = EncodedDataset(
        examples=[Example(text="x")] * 4,
        encodings=[],
        targets=targets,
        lengths=np.ones(4, dtype=np.int64),
        unlearnable={},
    )
    assert dataset.class_counts("intent", 3).tolist() == [1, 0, 2]


def test_float_targets_have_no_class_counts(dataset: EncodedDataset) -> None:
    assert dataset.class_counts("size", 2).tolist() == [0, 0]


def test_an_empty_dataset(minilm: Tokenizer) -> None:
    dataset = encode_dataset([], minilm, {"spy": Spy()})
    assert len(dataset) == len(dataset.truncated) == 0
    assert dataset.unlearnable == {"spy": []}
    assert dataset.lengths.shape == (0,)


def test_label_space_is_sorted_and_has_each_label_once() -> None:
    space = LabelSpace.fit(["b", "a", "b"])
    assert space.names == ("a", "b")
    assert len(space) == 2
    assert "a" in space
    assert "c" not in space
    assert [space.index(name) for name in ("a", "b", "c")] == [0, 1, None]
    with pytest.raises(ValueError, match="twice"):
        LabelSpace(("a", "a"))
