"""A real run on ATIS-like intents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.errors import ConfigError, DataError
from nlu_kit.runtime.predictor import load
from nlu_kit.training.run import train

RECORDS = [
    {"text": f"{verb} {what} please", "intent": intent}
    for verb in ("show", "list", "find", "get")
    for what, intent in (("jazz", "music"), ("tables", "food"), ("jazz and tables", "music#food"), ("nothing", []))
]


def test_it_learns_sets_of_labels(jsonl: Any, write_pipeline: Any, tmp_path: Path) -> None:
    data = {split: str(jsonl(tmp_path / f"{split}.jsonl", RECORDS)) for split in ("train", "dev", "test")}
    heads = {"topics": {"type": "multilabel_intent", "separator": "#", "dropout": 0.0}}
    training = {"epochs": 25, "schedule": "constant", "patience": 25}
    result = train(write_pipeline(tmp_path, data=data, heads=heads, training=training), runs=tmp_path / "runs")
    assert result.test["topics.micro_f1"] == 1.0
    model = load(result.model_dir)
    assert {label.name for label in model("find jazz and tables please").intents} == {"food", "music"}
    assert [label.name for label in model("get jazz please").intents] == ["music"]
    assert model("list nothing please").to_json()["intents"] == []
    assert json.loads((result.model_dir / "model.json").read_text())["labels"] == {"topics": ["food", "music"]}


def test_beside_intent_it_needs_another_field(write_pipeline: Any, tmp_path: Path) -> None:
    heads = {"intent": "intent", "several": "multilabel_intent"}
    with pytest.raises(ConfigError, match=r"heads\.several: fills 'intents', as does heads\.intent"):
        train(write_pipeline(tmp_path, heads=heads), runs=tmp_path / "runs")


def test_the_single_label_head_names_this_one(jsonl: Any, write_pipeline: Any, tmp_path: Path) -> None:
    records = [{"text": "a", "intent": "x"}, {"text": "b", "intent": ["x", "y"]}]
    data = {split: str(jsonl(tmp_path / f"{split}.jsonl", records)) for split in ("train", "dev", "test")}
    with pytest.raises(DataError, match=r"train\.jsonl:2: 'intent' must be one label .*'multilabel_intent'"):
        train(write_pipeline(tmp_path, data=data, heads={"intent": "intent"}), runs=tmp_path / "runs")
