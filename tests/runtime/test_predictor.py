"""The predictor: one text or many, in order, whatever the batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import nlu_kit
from nlu_kit.data.prediction import Prediction
from nlu_kit.errors import ModelError
from nlu_kit.model.folder import open_model
from nlu_kit.registry import Registry
from nlu_kit.runtime.predictor import Predictor, load


@pytest.fixture(scope="module")
def model(trained: Any) -> Predictor:
    return load(trained.run_dir)


@pytest.fixture(scope="module")
def texts(records: Any) -> list[str]:
    """Of very different lengths, short and long in turn."""
    return [text for record in records for text in (record["text"], "", f"{record['text']} " * 3)]


def close(first: Prediction, second: Prediction) -> bool:
    """The same but for rounding in the confidences."""
    (one, figures), (other, other_figures) = rounded(first), rounded(second)
    return one == other and bool(pytest.approx(figures, abs=1e-4) == other_figures)


def rounded(prediction: Prediction) -> tuple[Any, list[float]]:
    """All but the confidences, and these; the ranking by name, since rounding may swap two that are alike."""
    record = prediction.to_json()
    ranking = sorted(record.pop("intents"), key=lambda ranked: ranked["name"])
    parts = [record["intent"], *record["entities"], *ranking]
    figures = [part.pop("confidence") for part in parts]
    return (record, ranking), [*figures, record.pop("out_of_scope_score")]


def test_a_stream_is_read_as_it_is_asked_for(model: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlu_kit.runtime.predictor._AHEAD", 4)
    read = []

    def endless() -> Iterator[str]:
        while True:
            read.append("play jazz" if len(read) % 2 else "wake me at seven")
            yield read[-1]

    stream = model.parse_stream(endless())
    assert read == []
    found = [next(stream) for _ in range(6)]
    assert len(read) == 8
    assert all(close(*pair) for pair in zip(found, model.parse_many(read[:6]), strict=True))
    assert list(model.parse_stream([])) == []


@pytest.mark.parametrize("texts", ["one text", b"bytes", 7])
def test_what_is_no_stream_of_texts_is_refused_at_once(texts: Any, model: Predictor) -> None:
    with pytest.raises(TypeError):
        model.parse_stream(texts)


def test_one_text(model: Predictor) -> None:
    prediction = model("Book a table in  New York")
    assert prediction.intent.name == "book"
    assert prediction.intent == prediction.intents[0]
    assert sum(ranked.confidence for ranked in prediction.intents) == pytest.approx(1)
    assert [(e.text, e.label, e.start, e.end) for e in prediction.entities] == [("New York", "city", 17, 25)]
    assert not prediction.truncated


def test_nlu_kit_load_is_the_same(trained: Any, model: Predictor) -> None:
    assert nlu_kit.load(str(trained.model_dir))("play jazz") == model("play jazz")


def test_an_unknown_field_says_which_there_are(model: Predictor) -> None:
    with pytest.raises(KeyError, match=r"no field 'mood'.*this model predicts: intent, intents, entities"):
        _ = model("play jazz")["mood"]


def test_many_texts_come_back_in_their_order(model: Predictor, texts: list[str]) -> None:
    assert [prediction.text for prediction in model.parse_many(texts)] == texts


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_the_batch_size_changes_nothing(model: Predictor, texts: list[str], batch_size: int) -> None:
    pairs = zip(model.parse_many(texts), model.parse_many(texts, batch_size=batch_size), strict=True)
    assert all(close(*pair) for pair in pairs)


def test_the_company_of_other_texts_changes_nothing(model: Predictor, texts: list[str]) -> None:
    assert close(model(texts[0]), model.parse_many(texts)[0])


def test_no_texts(model: Predictor) -> None:
    assert model.parse_many([]) == []


@pytest.mark.parametrize("text", ["", "   ", "\n", "\u200b", "🎷🎷🎷", "[SEP] [CLS] [PAD]", "e\u0301" * 5, "\x00"])
def test_odd_texts(model: Predictor, text: str) -> None:
    prediction = model(text)
    assert prediction.text == text
    assert prediction.intent.name in ("book", "play", "wake")
    assert all(text[entity.start : entity.end] == entity.text for entity in prediction.entities)


def test_a_very_long_text_is_cut_and_says_so(model: Predictor) -> None:
    text = "play some jazz " + "please " * 5000
    prediction = model(text)
    assert prediction.truncated
    assert prediction.text == text
    short, long = model.parse_many(["play some jazz", text])
    assert (short.truncated, long.truncated) == (False, True)


def test_a_text_where_a_list_belongs(model: Predictor) -> None:
    with pytest.raises(TypeError, match="texts must be a list or another iterable of str"):
        model.parse_many("play jazz")


def test_it_neither_trains_nor_keeps_gradients(model: Predictor) -> None:
    assert not any(module.training for module in model.network.model.modules())
    model("play jazz")
    assert not any(module.training for module in model.network.model.modules())
    assert all(parameter.grad is None for parameter in model.network.model.parameters())


def test_loaded_twice_it_predicts_the_same(trained: Any) -> None:
    assert load(trained.run_dir)("play jazz") == load(trained.run_dir)("play jazz")


@pytest.mark.parametrize("device", ["abacus", "cuda:99", "vulkan", "hpu"])
def test_a_device_that_is_not_there(trained: Any, device: str) -> None:
    if device.startswith("cuda") and torch.cuda.device_count() > 99:
        pytest.skip("it is there")
    with pytest.raises(ModelError, match=rf"can't predict on the device '{device}': .*; use cpu"):
        load(trained.run_dir, device=device)


def test_another_threshold(trained: Any, model: Predictor) -> None:
    assert model.scope is not None
    text = "what is the capital of france"
    before = model(text)
    for threshold in (before["out_of_scope_score"] - 0.01, before["out_of_scope_score"] + 0.01):
        after = load(trained.run_dir, threshold=threshold)(text)
        assert after["out_of_scope_score"] == pytest.approx(before["out_of_scope_score"], abs=1e-4)
        assert after.out_of_scope == (threshold < before["out_of_scope_score"])
        assert after.intent == before.intent
    assert load(trained.run_dir).scope.settings == model.scope.settings, "the model's own stays"  # type: ignore[union-attr]


@pytest.mark.parametrize("threshold", [float("nan"), float("inf"), True, "0.5"])
def test_a_threshold_that_is_none(trained: Any, threshold: Any) -> None:
    with pytest.raises(ModelError, match="a threshold must be a finite number"):
        load(trained.run_dir, threshold=threshold)


def test_a_threshold_without_a_detector(trained: Any) -> None:
    saved = replace(open_model(trained.model_dir, Registry.load()), detector=None, scope=None)
    with pytest.raises(ModelError, match=r"has no detector.*leave the threshold out"):
        Predictor(saved, threshold=0.5)
    assert "out_of_scope" not in Predictor(saved)("play jazz").fields


def test_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Train one: nlu-kit train pipeline\.json"):
        load(tmp_path / "latest")
