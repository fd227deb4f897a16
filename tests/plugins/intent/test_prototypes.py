"""A label is where its examples are; a name alone makes a new one, and moves no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.data.example import Example
from nlu_kit.data.labels import IGNORE, LabelSpace
from nlu_kit.errors import ConfigError, DataError, NothingToLearnError
from nlu_kit.heads.codec import CodecContext, HeadContext
from nlu_kit.heads.modules import Encoded
from nlu_kit.plugin.events import RunEnd
from nlu_kit.runtime.predictor import load
from nlu_kit.training.run import train
from nlu_kit_intent import PrototypeParams
from nlu_kit_intent.codec import PrototypeCodec
from nlu_kit_intent.prototypes import Prototypes

EXAMPLES = [Example(text="a table", intent="book"), Example(text="some jazz", intent="play"), Example(text="hello")]


def cosines(vectors_ND: torch.Tensor, labels_N: torch.Tensor, classes: int, asked_BD: torch.Tensor) -> torch.Tensor:
    head = Prototypes(PrototypeParams(scale=1.0), context(classes, vectors_ND.shape[1]))
    with torch.no_grad():
        head.initialise(vectors_ND, {"labels": labels_N})
        encoded = Encoded(asked_BD[:, None], asked_BD, torch.ones(len(asked_BD), 1, dtype=torch.bool))
        return head(encoded)["logits"]


def context(classes: int, width: int) -> HeadContext:
    return HeadContext(name="intent", width=width, labels=LabelSpace(tuple(f"l{n}" for n in range(classes))))


@given(seed=st.integers(0, 1000), counts=st.lists(st.integers(1, 6), min_size=1, max_size=6), more=st.integers(1, 5))
def test_a_new_label_moves_the_scores_of_no_other(seed: int, counts: list[int], more: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(sum(counts) + more, 16, generator=generator)
    labels = torch.repeat_interleave(torch.arange(len(counts) + 1), torch.tensor([*counts, more]))
    asked = torch.randn(4, 16, generator=generator)
    before = cosines(vectors[:-more], labels[:-more], len(counts), asked)
    after = cosines(vectors, labels, len(counts) + 1, asked)
    torch.testing.assert_close(after[:, :-1], before, atol=1e-6, rtol=0)
    expected = torch.nn.functional.normalize(torch.nn.functional.normalize(vectors[-more:], dim=1).sum(0), dim=0)
    torch.testing.assert_close(after[:, -1], torch.nn.functional.normalize(asked, dim=1) @ expected)


def test_a_label_whose_examples_cancel_out_stays_as_it_was() -> None:
    one = torch.eye(4)[:1]
    found = cosines(torch.cat([one, -one, one]), torch.tensor([0, 0, 1]), 2, torch.eye(4))
    assert torch.isfinite(found).all()
    assert found[0, 1] == 1.0


@pytest.mark.parametrize(
    ("texts", "labels"), [(True, ["book", "play"]), ({"wake": "an alarm", "play": "music"}, ["book", "play", "wake"])]
)
def test_texts_make_labels(texts: Any, labels: list[str]) -> None:
    codec = PrototypeCodec(PrototypeParams(label_texts=texts), CodecContext(name="intent", labels=LabelSpace(())))
    assert list(codec.fit_labels(EXAMPLES).names) == labels


def test_without_an_example_and_without_a_text_there_is_nothing_to_learn() -> None:
    empty = CodecContext(name="intent", labels=LabelSpace(()))
    with pytest.raises(NothingToLearnError):
        PrototypeCodec(PrototypeParams(), empty).fit_labels(EXAMPLES[2:])
    codec = PrototypeCodec(PrototypeParams(label_texts={"wake": "an alarm"}), empty)
    assert codec.fit_labels(EXAMPLES[2:]).names == ("wake",)


@pytest.fixture
def run(jsonl: Any, write_pipeline: Any, records: Any, tmp_path: Path) -> Any:
    """``run("name", head)``: trained without the intent "wake", for no epoch."""
    train_file = jsonl(tmp_path / "train.jsonl", [record for record in records if record["intent"] != "wake"])

    def make(name: str, epochs: int = 0, **options: Any) -> RunEnd:
        folder = tmp_path / name
        folder.mkdir()
        heads = {"intent": {"type": "prototype_intent", **options}}
        data = {"train": str(train_file), "dev": str(jsonl(tmp_path / "dev.jsonl", records))}
        sections = {"data": data, "heads": heads, "detector": None}
        return train(write_pipeline(folder, training={"epochs": epochs}, **sections), runs=folder / "runs")

    return make


def test_an_intent_can_be_added_by_its_name(run: Any) -> None:
    before, after = run("before"), run("after", label_texts={"wake": "wake me"})
    assert (before.epochs_run, before.best_epoch) == (0, -1)
    models = [load(one.model_dir, runtime="torch") for one in (before, after)]
    assert models[1]("wake me").intent.name == "wake"
    for text in ("book a table in Rome", "play some jazz", "wake me at noon"):
        first, second = (logits(model, text) for model in models)
        assert set(second) - set(first) == {"wake"}
        assert first == pytest.approx({name: second[name] for name in first}, abs=1e-5)


def logits(model: Any, text: str) -> dict[str, float]:
    """Each label's score."""
    computed = model.network.run(model.network.tokenizer.encode([text]))
    return dict(zip(model.codecs["intent"].labels.names, computed.outputs["intent"]["logits"][0].tolist(), strict=True))


def test_it_also_trains(run: Any) -> None:
    result = run("trained", epochs=3, label_texts={"wake": "wake me"})
    assert result.epochs_run == 3


def test_no_epoch_is_for_heads_that_begin_at_a_fit(write_pipeline: Any, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"training\.epochs: 0 leaves heads where they begin, and 'ner' begins at random"
    ):
        train(write_pipeline(tmp_path, training={"epochs": 0}, heads={"ner": "ner"}), runs=tmp_path / "runs")


def test_two_labels_with_one_text_are_refused(run: Any) -> None:
    with pytest.raises(DataError, match="'play' and 'wake' are both called 'play'"):
        run("same", label_texts={"wake": "play"})


def test_every_score_is_a_cosine() -> None:
    scores = cosines(torch.randn(6, 8), torch.tensor([0, 1, 2, 0, 1, IGNORE]), 3, torch.randn(5, 8)).numpy()
    assert np.all(np.abs(scores) <= 1 + 1e-6)
