"""Contrast of intents: what is drawn, and a loss that is the paper's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nlu_kit.errors import DataError
from nlu_kit.heads.modules import Encoded


def write(folder: Path, rows: list[tuple[str, str | None]], name: str = "a.jsonl") -> list[str]:
    records = [{"text": text, **({"intent": intent} if intent else {})} for text, intent in rows]
    (folder / name).write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return [name]


ROWS = [(f"{intent} {n}", intent) for intent in ("play", "book", "wake") for n in range(5)]


def test_an_item_is_two_of_one_label(make: Any, tmp_path: Path) -> None:
    objective = make("supervised_contrastive", corpora=write(tmp_path, ROWS))  # type: ignore[arg-type]
    assert len(objective) == 12, "one of each label is held out"
    for index in range(12):
        first, second = (e.text for e in objective.item(index, np.random.default_rng(index)).encodings)
        assert first != second
        assert first.split()[0] == second.split()[0]
    assert objective.report().counts == {"utterances": 12, "labels": 3, "held out": 3}


def test_the_loss_is_that_of_the_paper(make: Any, tmp_path: Path) -> None:
    """Khosla et al. 2020, equation 2, written out."""
    objective = make("supervised_contrastive", corpora=write(tmp_path, ROWS), temperature=0.2)  # type: ignore[arg-type]
    labels = [0, 1, 0, 2]
    vectors = np.random.default_rng(0).normal(size=(8, 5))
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    owners, expected = np.repeat(labels, 2), 0.0
    for i in range(8):
        others = [a for a in range(8) if a != i]
        total = np.log(sum(np.exp(units[i] @ units[a] / 0.2) for a in others))
        positives = [p for p in others if owners[p] == owners[i]]
        expected -= float(np.mean([units[i] @ units[p] / 0.2 - total for p in positives]))
    pooled = torch.as_tensor(vectors, dtype=torch.float32)
    encoded = Encoded(pooled[:, None], pooled, torch.ones(8, 1, dtype=torch.bool))
    assert float(objective(encoded, {"label": torch.tensor(labels)}, None)) == pytest.approx(expected / 2, rel=1e-4)


def test_what_can_not_be_used_is_counted(make: Any, tmp_path: Path) -> None:
    rows = [*ROWS, ("play 0", "book"), ("book 1", "book"), ("alone", "alone"), ("nothing", None)]
    objective = make("supervised_contrastive", corpora=write(tmp_path, rows))  # type: ignore[arg-type]
    assert objective.report().dropped == {
        "text with several labels": 1,
        "there already": 1,
        "the only one of its label": 1,
        "without intent": 1,
    }


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", "x"), ("b", "x")], "needs two labels with two utterances each, and finds 1"),
        ([("a", "x"), ("b", "y")], "and finds 0"),
        ([("a", "x"), ("b", "x"), ("c", "y"), ("d", "y")], "has no utterance to measure on"),
    ],
)
def test_too_few_labels_are_said_so(rows: Any, message: str, make: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        make("supervised_contrastive", corpora=write(tmp_path, rows))
