"""pretrain.json: what it says, and what is said where it is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.config.pretraining import load_pretraining
from nlu_kit.errors import ConfigError

MLM = {"type": "mlm", "texts": ["a.txt"]}


def load(folder: Path, plan: Any, *overrides: str) -> Any:
    (folder / "pretrain.json").write_text(json.dumps(plan), encoding="utf-8")
    return load_pretraining(folder, overrides=overrides)


def test_little_is_enough(tmp_path: Path) -> None:
    plan = load(tmp_path, {"objectives": [MLM]})
    assert (plan.backbone.type, plan.freezing.type, plan.training.epochs) == (
        "sentence_transformer",
        "discriminative",
        1,
    )
    assert load(tmp_path, {"objectives": [MLM]}, "freezing.encoder_lr=1e-3").freezing.params.encoder_lr == 1e-3


def test_objectives_of_one_type_are_numbered(tmp_path: Path) -> None:
    plan = load(tmp_path, {"objectives": [MLM, {**MLM, "weight": 2}, {"type": "cosine", "train": ["a.csv"]}]})
    assert list(plan.objectives) == ["mlm", "mlm_2", "cosine"]
    assert [plan.weight(name) for name in plan.objectives] == [1, 2, 1]


def test_written_out_it_is_the_same(tmp_path: Path) -> None:
    plan = load(tmp_path, {"objectives": [MLM], "training": {"epochs": 3}})
    assert load(tmp_path, plan.to_json()).to_json() == plan.to_json()


@pytest.mark.parametrize(
    ("plan", "path", "message"),
    [
        ({}, "objectives", "required"),
        ({"objectives": []}, "objectives", "got []"),
        ({"objectives": [{"type": "mml", "texts": ["a"]}]}, "objectives.0.type", "did you mean 'mlm'"),
        ({"objectives": ["mlm"]}, "objectives.0", "name files of text"),
        ({"objectives": [{**MLM, "weight": 0}]}, "objectives.0.weight", "greater than 0"),
        ({"objectives": [MLM], "heads": {}}, "heads", "unknown key"),
        ({"objectives": [MLM], "training": {"patience": 0}}, "training.patience", "greater than or equal to 1"),
        ({"objectives": [MLM], "training": {"callbacks": ["loud"]}}, "training.callbacks.0.type", "unknown callback"),
        ({"objectives": [{"type": "triplet", "train": ["a"], "similar": 0.3}]}, "objectives.0", "below similar"),
        ({"objectives": [{"type": "distill", "texts": ["a"]}]}, "objectives.0", "name one teacher"),
        ({"objectives": [MLM], "freezing": {"encoder_rate": 1}}, "freezing.encoder_rate", "unknown key"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, plan: Any, path: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, plan)
    assert path in [problem.path for problem in error.value.problems]
    assert message in str(error.value)
