"""Whole runs with `crf_ner`: it learns, what leaves training is what the model folder gives back, processes agree."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from nlu_kit.config.check import load_pipeline, resolve
from nlu_kit.errors import ConfigError
from nlu_kit.model.build import model_layers
from nlu_kit.runtime.predictor import load
from nlu_kit.training.optimiser import LayerRates
from nlu_kit.training.prepare import build_freezing, prepare
from nlu_kit.training.run import train

FULL = {"type": "crf_ner", "scheme": "bilou", "pooling": "mean", "shapes": 4, "hidden": 16, "dropout": 0.0}


def heads(ner: dict[str, Any]) -> dict[str, Any]:
    return {"intent": {"type": "intent", "dropout": 0.0}, "ner": ner}


@pytest.mark.parametrize("ner", [{"type": "crf_ner", "dropout": 0.0}, FULL, {**FULL, "type": "ner"}])
def test_it_learns_and_survives_the_model_folder(tmp_path: Path, write_pipeline: Any, ner: dict[str, Any]) -> None:
    file = write_pipeline(tmp_path, heads=heads(ner), training={"epochs": 10, "schedule": "constant"})
    result = train(file, runs=tmp_path / "runs")
    assert result.dev["ner.f1"] > 0.9
    prediction = load(result.model_dir)("a hotel in New York please")
    assert [(entity.text, entity.label) for entity in prediction.entities] == [("New York", "city")]
    assert 0.5 < prediction.entities[0].confidence <= 1.0
    if ner["type"] == "crf_ner":
        weights = load_file(result.model_dir / "model.safetensors")
        assert weights["heads.ner.crf.steps"].abs().max() > 0.01
        assert not [name for name in weights if "illegal" in name]


def test_the_final_layer_is_the_classifier(pipeline_sections: Any) -> None:
    """Strategies that train final layers only must not leave an untrained classifier below a trained chain."""
    pipeline = resolve(
        pipeline_sections(heads={"ner": {"type": "crf_ner", "hidden": 4}}, freezing="freeze_all"), base_dir=Path()
    )
    objective = prepare(pipeline).objective
    layers = {
        layer.name.removeprefix("model.heads.ner."): layer for layer in model_layers(objective) if layer.part == "head"
    }
    assert [(name, layer.final, layer.lr_scale) for name, layer in layers.items()] == [
        ("hidden", False, 1.0),
        ("crf", False, 10.0),
        ("classifier", True, 1.0),
    ]
    rates = LayerRates(objective, build_freezing(pipeline.freezing, pipeline.registry, epochs=pipeline.training.epochs))
    rates.enter(0)
    trained = {name for name, parameter in objective.named_parameters() if parameter.requires_grad}
    assert trained == {"model.heads.ner.classifier.weight", "model.heads.ner.classifier.bias"}


def test_a_loss_beside_its_own_is_a_config_error(tmp_path: Path, write_pipeline: Any) -> None:
    file = write_pipeline(tmp_path, heads={"ner": {"type": "crf_ner", "loss": "cross_entropy"}})
    with pytest.raises(ConfigError, match=r"heads\.ner\.loss: the head 'crf_ner' computes its own loss"):
        load_pipeline(file)


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path: Path, write_pipeline: Any, jsonl: Any, records: Any) -> None:
    """Some texts are not annotated, some are one word, and a batch's tail leaves the second process nothing."""
    single = [{"text": city, "intent": "book", "entities": []} for city in ("Paris", "please", "jazz")]
    half = [record if i % 3 else {key: record[key] for key in ("text", "intent")} for i, record in enumerate(records)]
    pipeline = write_pipeline(
        tmp_path,
        data={"train": str(jsonl(tmp_path / "half.jsonl", [*half, *single]))},
        heads=heads(FULL),
        training={"epochs": 2, "batch_size": 14},
        freezing={"type": "discriminative", "encoder_lr": 1e-3, "head_lr": 1e-3},
    )
    one = train(pipeline, runs=tmp_path / "one")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "nlu_kit"]
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("NLU_KIT_", "ACCELERATE_"))}
    two = subprocess.run(
        [*command, "train", "pipeline.json", "--set", "training.processes=2"],
        cwd=tmp_path,
        env={**environment, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert two.returncode == 0, two.stderr
    weights = load_file((tmp_path / "runs" / "latest").resolve() / "model" / "model.safetensors")
    for name, expected in load_file(one.model_dir / "model.safetensors").items():
        if not name.endswith("key.bias"):  # attention does not depend on it: its gradient is rounding
            torch.testing.assert_close(weights[name], expected, atol=5e-5, rtol=1e-3, msg=lambda m, n=name: f"{n}: {m}")
