"""Negatives of the whole corpus: never a paraphrase, never one that may be an unmarked one, else the closest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlu_kit_objectives import mining
from nlu_kit_objectives.mining import NEARLY, NONE, hardest


@settings(max_examples=60, deadline=None)
@given(count=st.integers(2, 40), clusters=st.integers(1, 6), seed=st.integers(0, 10_000))
def test_it_finds_what_looking_at_all_finds(count: int, clusters: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    vectors = chance.normal(size=(count, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cluster = chance.integers(clusters, size=count)
    anchors = [(int(a), int(b)) for a, b in chance.integers(count, size=(15, 2))]
    found = hardest(vectors, cluster, anchors, chance)
    for (anchor, positive), number in zip(anchors, found, strict=True):
        cosines = vectors @ vectors[anchor]
        limit = NEARLY * float(vectors[anchor] @ vectors[positive])
        usable = [n for n in range(count) if cluster[n] != cluster[anchor] and cosines[n] < limit - 1e-6]
        if number == NONE:
            assert not usable
            continue
        assert cluster[number] != cluster[anchor]
        assert cosines[number] < limit + 1e-6
        assert cosines[number] >= max((cosines[n] for n in usable), default=-2) - 1e-6


def test_of_many_sentences_some_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mining, "MOST_CANDIDATES", 5)
    angles = np.linspace(0, 3, 50)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    draws = [
        hardest(vectors, np.arange(50), [(0, 0)] * 3, np.random.default_rng(seed)).tolist() for seed in (1, 1, 2, 3)
    ]
    assert draws[0] == draws[1] != draws[2]
    assert all(number != 0 for draw in draws for number in draw)


@pytest.mark.parametrize("kind", ["triplet", "multiple_negatives"])
def test_an_objective_takes_the_closest_of_all(kind: str, make: Any, tmp_path: Any, encoder: Any) -> None:
    lines = [
        '{"sentence1": "play jazz", "sentence2": "jazz please", "duplicate": true}',
        '{"sentence1": "wake me", "sentence2": "alarm please", "duplicate": true}',
        '{"sentence1": "wake me", "sentence2": "book a table", "duplicate": false}',
    ]
    (tmp_path / "train.jsonl").write_text("\n".join(lines), encoding="utf-8")
    objective = make(kind, train=["train.jsonl"], dev=["train.jsonl"], negatives="corpus")
    items = {item.encodings[0].text: item for item in (objective.item(i, np.random.default_rng(0)) for i in range(4))}
    assert not items["play jazz"].targets["chosen"], "nothing is mined yet"

    angle = {"play jazz": 0.0, "jazz please": 0.4, "wake me": 1.0, "alarm please": 2.0, "book a table": 0.9}
    objective.vectors = lambda _, texts: np.array([[np.cos(angle[t]), np.sin(angle[t])] for t in texts])
    objective.refresh(encoder)
    items = {item.encodings[0].text: item for item in (objective.item(i, np.random.default_rng(0)) for i in range(4))}
    thirds = {text: (item.encodings[2].text, bool(item.targets["chosen"])) for text, item in items.items()}
    assert thirds["play jazz"] == ("book a table", True)
    assert thirds["wake me"] == ("book a table", True), "said to differ"
    assert thirds["jazz please"] == ("wake me", True), "a table is as good as close as the paraphrase: passed over"
