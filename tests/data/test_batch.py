"""Padding: ids with the pad id, int targets with IGNORE, float targets with NaN."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nlu_kit.data.batch import collate, collate_tokens
from nlu_kit.data.dataset import EncodedDataset
from nlu_kit.data.encoding import Encoding, Word
from nlu_kit.data.example import Example
from nlu_kit.data.labels import IGNORE

CPU = torch.device("cpu")
LENGTHS = [3, 5, 2]


def encoding(length: int) -> Encoding:
    return Encoding(text="x", ids=tuple(range(10, 10 + length)), words=(), truncated=False)


@pytest.fixture
def dataset() -> EncodedDataset:
    targets = [
        {
            "intent": {"labels": np.asarray(row, dtype=np.int64)},
            "ner": {"labels": np.arange(length, dtype=np.int64), "weights": np.ones(length, dtype=np.float32)},
            "pairs": {"labels": np.full((row + 1, length), row, dtype=np.int64)},
        }
        for row, length in enumerate(LENGTHS)
    ]
    return EncodedDataset(
        examples=[Example(text="x")] * 3,
        encodings=[encoding(length) for length in LENGTHS],
        targets=targets,
        lengths=np.array(LENGTHS),
        unlearnable={},
    )


def test_ids_are_padded_to_the_longest_of_the_batch() -> None:
    tokens = collate_tokens([encoding(3), encoding(1)], pad_id=7, device=CPU)
    assert tokens.ids_BT.tolist() == [[10, 11, 12], [10, 7, 7]]
    assert tokens.ids_BT.dtype == torch.int64
    assert tokens.mask_BT.tolist() == [[True, True, True], [True, False, False]]
    assert tokens.mask_BT.dtype == torch.bool


def test_words_and_shapes_are_padded_as_none() -> None:
    text = "To Paris"
    long = Encoding(text=text, ids=(1, 2, 3, 4, 5), words=(Word(1, 2, 0, 2), Word(2, 4, 3, 8)), truncated=False)
    short = Encoding(text="go", ids=(1, 2, 3), words=(Word(1, 2, 0, 2),), truncated=False)
    tokens = collate_tokens([long, short], pad_id=0, device=CPU)
    assert tokens.words_BT is not None
    assert tokens.shapes_BT is not None
    assert tokens.words_BT.tolist() == [[-1, 0, 1, 1, -1], [-1, 0, -1, -1, -1]]
    assert tokens.shapes_BT.tolist() == [[0, 2, 2, 2, 0], [0, 1, 0, 0, 0]]
    assert tokens.words_BT.dtype == tokens.shapes_BT.dtype == torch.int64


def test_rows_come_in_the_order_asked_for(dataset: EncodedDataset) -> None:
    batch = collate(dataset, [2, 0], pad_id=0, device=CPU)
    assert batch.tokens.mask_BT.sum(dim=1).tolist() == [2, 3]
    assert batch.targets["intent"]["labels"].tolist() == [2, 0]


def test_targets_are_padded_with_ignore_and_nan(dataset: EncodedDataset) -> None:
    batch = collate(dataset, [0, 1], pad_id=0, device=CPU)
    labels = batch.targets["ner"]["labels"]
    assert labels.tolist() == [[0, 1, 2, IGNORE, IGNORE], [0, 1, 2, 3, 4]]
    assert labels.dtype == torch.int64
    weights = batch.targets["ner"]["weights"]
    assert weights.dtype == torch.float32
    assert weights.isnan().tolist() == [[False, False, False, True, True], [False] * 5]


def test_targets_of_several_axes_are_padded_on_each(dataset: EncodedDataset) -> None:
    labels = collate(dataset, [0, 1], pad_id=0, device=CPU).targets["pairs"]["labels"]
    assert labels.shape == (2, 2, 5)
    assert labels[0].tolist() == [[0, 0, 0, IGNORE, IGNORE], [IGNORE] * 5]
    assert labels[1].tolist() == [[1] * 5, [1] * 5]


def test_an_empty_share_is_one_example_without_a_target(dataset: EncodedDataset) -> None:
    batch = collate(dataset, [], pad_id=0, device=CPU)
    assert batch.tokens.ids_BT.shape == (1, 3)
    assert batch.tokens.mask_BT.all()
    assert batch.targets["intent"]["labels"].tolist() == [IGNORE]
    assert batch.targets["ner"]["labels"].tolist() == [[IGNORE] * 3]
    assert batch.targets["ner"]["weights"].isnan().all()


def test_collating_leaves_the_dataset_alone(dataset: EncodedDataset) -> None:
    collate(dataset, [0, 1], pad_id=0, device=CPU).targets["ner"]["labels"].fill_(9)
    assert dataset.targets[1]["ner"]["labels"].tolist() == [0, 1, 2, 3, 4]
