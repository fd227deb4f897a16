"""What pairs become, and the losses, beside those of sentence-transformers where these say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nlu_kit.errors import DataError
from nlu_kit.heads.modules import Encoded
from nlu_kit.plugin.modules import stack_targets

CPU = torch.device("cpu")


def write(folder: Path, *rows: dict[str, Any], name: str = "train.jsonl") -> list[str]:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return [name]


def said(first: str, second: str, verdict: float | bool) -> dict[str, Any]:
    key = "same" if isinstance(verdict, bool) else "score"
    return {"sentence1": first, "sentence2": second, key: verdict}


CHAIN = [said("a", "b", True), said("b", "c", True), said("x", "y", True), said("a", "x", False)]


def encoded(vectors: Any) -> Encoded:
    pooled = torch.as_tensor(np.asarray(vectors), dtype=torch.float32)
    return Encoded(pooled[:, None], pooled, torch.ones(len(pooled), 1, dtype=torch.bool))


def test_paraphrases_of_paraphrases_are_one_cluster(make: Any, tmp_path: Path) -> None:
    objective = make("triplet", train=write(tmp_path, *CHAIN), dev=["train.jsonl"])
    known = objective.known
    cluster = dict(zip(known.sentences, known.cluster.tolist(), strict=True))
    assert cluster["a"] == cluster["b"] == cluster["c"] != cluster["x"] == cluster["y"]
    for index in range(len(objective)):
        for seed in range(20):
            item = objective.item(index, np.random.default_rng(seed))
            anchor, positive, other = (encoding.text for encoding in item.encodings)
            assert cluster[anchor] == cluster[positive] != cluster[other]
            assert bool(item.targets["chosen"]) == (anchor in ("a", "x"))


SHARES = [said("a", "a", 1.0), said("b", "c", 0.92), said("d", "e", 0.02), said("f", "g", 0.85)]


def test_scores_from_0_to_1_are_targets_as_they_are(make: Any, tmp_path: Path) -> None:
    objective = make("cosine", train=write(tmp_path, *SHARES), dev=["train.jsonl"])
    targets = [objective.item(index, np.random.default_rng(0)).targets["score"] for index in range(len(objective))]
    assert targets == pytest.approx([1.0, 0.92, 0.02, 0.85])


def test_scores_from_0_to_1_are_paraphrases_beside_labels(make: Any, tmp_path: Path) -> None:
    train = [*write(tmp_path, *SHARES), *write(tmp_path, *CHAIN, name="labelled.jsonl")]
    objective = make("triplet", train=train, dev=["labelled.jsonl"])
    texts = objective.known.sentences
    assert {(texts[first], texts[second]) for first, second in objective.known.paraphrases} == {
        ("b", "c"), ("f", "g"), ("a", "b"), ("x", "y"),
    }  # fmt: skip


def test_what_contradicts_is_left_out_and_counted(make: Any, tmp_path: Path) -> None:
    rows = [
        *CHAIN,
        said("a", "c", False),  # but both are what b is
        said("p", "q", True), said("q", "p", False),  # one pair, two verdicts
        said("b", "a", True),  # once more
        said("m", "n", 2.9),  # neither alike nor different enough
        said("m", "n", 2.9), said("n", "m", 3.1),
    ]  # fmt: skip
    objective = make("triplet", train=write(tmp_path, *rows), dev=["train.jsonl"])
    assert objective.report().dropped == {
        "there already": 3,
        "pairs with contradicting labels": 1,
        "said to differ, but the same by way of other pairs": 1,
        "dev: there already": 3,
        "dev: pairs with contradicting labels": 1,
    }
    assert "p" not in objective.known.sentences
    assert len(objective) == 6


@pytest.mark.parametrize(
    ("kind", "rows", "message"),
    [
        ("triplet", [said("a", "b", False), said("c", "d", False)] * 9, "can't be measured on its dev pairs"),
        ("triplet", [said("a", "b", 1.0), said("c", "d", 2.0)], "finds no two sentences that mean the same"),
        ("triplet", [said("a", "b", 5.0), said("a", "b", 4.9), said("b", "c", 4.5)], "all sentences mean the same"),
        ("cosine", [said("a", "b", 5.0), said("c", "d", 5.0)], "can't be measured"),
        ("triplet", [said("a", "", 1.0)], "finds no pair in train.jsonl: 1 x empty sentence"),
    ],
)
def test_too_little_is_said_so(kind: str, rows: list[Any], message: str, make: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        make(kind, train=write(tmp_path, *rows), dev=["train.jsonl"])


def test_without_dev_a_tenth_is_held_out(make: Any, tmp_path: Path) -> None:
    rows = [said(f"a{i}", f"b{i}", 5.0 if i % 2 else 0.0) for i in range(40)]
    objective = make("cosine", train=write(tmp_path, *rows))
    assert (len(objective), len(objective.data.dev)) == (36, 4)
    with pytest.raises(DataError, match="too few pairs to hold some out"):
        make("cosine", train=write(tmp_path, *rows[:4]))


def test_figures(make: Any, tmp_path: Path, encoder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors made up: a and b point the same way, c beside them, d the other way."""
    rows = [said("a", "b", 5.0), said("a", "c", 3.0), said("a", "d", 0.0)]
    verdicts = [said("b", "c", True), said("b", "d", False)]
    objective = make("cosine", train=write(tmp_path, *rows), dev=write(tmp_path, *rows, *verdicts, name="dev.jsonl"))
    made_up = {"a": [1, 0], "b": [1, 0.1], "c": [1, 0.9], "d": [-1, 0]}
    monkeypatch.setattr(
        "nlu_kit_objectives.paraphrases.sentence_vectors",
        lambda _, encodings: np.array([made_up[e.text] for e in encodings], dtype=np.float32),
    )
    assert objective.evaluate(encoder, "dev") == {"spearman": 1.0, "triplet_accuracy": 1.0, "auroc": 1.0}
    made_up["d"], made_up["b"] = made_up["b"], made_up["d"]
    found = objective.evaluate(encoder, "dev")
    assert (found["spearman"], found["auroc"]) == (-1.0, 1.0)
    assert found["triplet_accuracy"] == pytest.approx(1 / 3), "of a-b-d, b-c-d and c-b-d only the second"
    assert objective.evaluate(encoder, "test") == {}


def batch_of(objective: Any) -> tuple[list[Any], Any]:
    items = [objective.item(i, np.random.default_rng(i)) for i in range(len(objective))]
    return items, stack_targets(items, CPU)


def test_triplet_loss_is_that_of_sentence_transformers(make: Any, tmp_path: Path) -> None:
    from sentence_transformers.sentence_transformer.losses import TripletDistanceMetric, TripletLoss

    rows = [{"anchor": f"a{i}", "positive": f"p{i}", "negative": f"n{i}"} for i in range(5)]
    objective = make("triplet", train=write(tmp_path, *rows), dev=["train.jsonl"], margin=0.7)
    _, targets = batch_of(objective)
    one_side = {name: value[::2] for name, value in targets.items()}  # the other sides' negatives are mined
    vectors = np.random.default_rng(0).normal(size=(15, 8))
    theirs: Any = TripletLoss(None, distance_metric=TripletDistanceMetric.COSINE, triplet_margin=0.7)  # type: ignore[arg-type]
    parts = [torch.as_tensor(vectors[side::3], dtype=torch.float32) for side in range(3)]
    expected = theirs.compute_loss_from_embeddings(parts, None) * 5
    assert float(objective(encoded(vectors), one_side, None)) == pytest.approx(float(expected), rel=1e-5)


def test_where_no_negative_is_known_the_hardest_of_the_batch_counts(make: Any, tmp_path: Path) -> None:
    rows = [said("a", "b", True), said("c", "d", True), said("a", "z", False)]
    objective = make("triplet", train=write(tmp_path, *rows), dev=["train.jsonl"], margin=0.5)
    items, targets = batch_of(objective)
    (row,) = [i for i, item in enumerate(items) if item.encodings[0].text == "c"]
    vectors = np.zeros((len(items) * 3, 4))
    vectors[:] = [0, 0, 0, 1]
    vectors[3 * row], vectors[3 * row + 1], vectors[3 * row + 2] = [1, 0, 0, 0], [0.8, 0.6, 0, 0], [0, 0, 1, 0]
    near = next(i for i, item in enumerate(items) if item.encodings[0].text == "a")
    vectors[3 * near] = [0.9, np.sqrt(1 - 0.81), 0, 0]  # an anchor of another cluster, closer than the third sentence
    _, cosines = None, vectors @ vectors[3 * row]
    assert cosines[3 * near] == pytest.approx(0.9)
    only = Encoded(
        *(part for part in (encoded(vectors).tokens_BTD, encoded(vectors).pooled_BD, encoded(vectors).mask_BT))
    )
    whole = float(objective(only, targets, None))
    vectors[3 * near] = [0, 0, 0, 1]
    without = float(objective(encoded(vectors), targets, None))
    assert whole != without


def test_multiple_negatives_is_that_of_sentence_transformers(make: Any, tmp_path: Path) -> None:
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    rows = [{"anchor": f"a{i}", "positive": f"p{i}", "negative": f"n{i}"} for i in range(4)]
    objective = make("multiple_negatives", train=write(tmp_path, *rows), dev=["train.jsonl"])
    _, targets = batch_of(objective)
    targets = {name: value[::2] for name, value in targets.items()}
    vectors = np.random.default_rng(0).normal(size=(12, 8))
    theirs: Any = MultipleNegativesRankingLoss(None, scale=20.0)  # type: ignore[arg-type]
    parts = [torch.as_tensor(vectors[side::3], dtype=torch.float32) for side in range(3)]
    expected = float(theirs.compute_loss_from_embeddings(parts, None)) * 4
    found = float(objective(encoded(vectors), targets, None))
    # Theirs compares an anchor with positives and negatives only; ours with the other anchors as well.
    assert found >= expected
    apart = vectors.copy()
    apart[0::3], apart[1::3] = np.eye(8)[:4], np.eye(8)[:4]
    apart[2::3] = np.eye(8)[4:]
    parts = [torch.as_tensor(apart[side::3], dtype=torch.float32) for side in range(3)]
    few = float(theirs.compute_loss_from_embeddings(parts, None))
    assert float(objective(encoded(apart), targets, None)) == pytest.approx(4 * few, abs=1e-4)


def test_others_of_the_cluster_are_no_negatives(make: Any, tmp_path: Path) -> None:
    rows = [said("a", "b", True), said("b", "c", True), said("a", "z", False)]
    objective = make("multiple_negatives", train=write(tmp_path, *rows), dev=["train.jsonl"])
    _, targets = batch_of(objective)
    vectors = np.tile([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]], (len(objective), 1))
    assert float(objective(encoded(vectors), targets, None)) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("loss", ["cosent", "mse"])
def test_cosines(loss: str, make: Any, tmp_path: Path) -> None:
    rows = [said("a", "b", 5.0), said("c", "d", 2.5), said("e", "f", 0.0)]
    objective = make("cosine", train=write(tmp_path, *rows), dev=["train.jsonl"], loss=loss)
    _, targets = batch_of(objective)
    right = encoded([[1, 0], [1, 0], [1, 0], [0.5, np.sqrt(0.75)], [1, 0], [0, 1]])
    wrong = encoded([[1, 0], [0, 1], [1, 0], [0.5, np.sqrt(0.75)], [1, 0], [1, 0]])
    assert float(objective(right, targets, None)) < 0.01 < float(objective(wrong, targets, None))
