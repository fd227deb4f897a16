"""A layer's scale multiplies the strategy's rate, at every epoch and schedule factor."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import torch

from nlu_kit.config.check import resolve
from nlu_kit.model.build import model_layers
from nlu_kit.model.nlu_model import Objective
from nlu_kit.training.optimiser import LayerRates
from nlu_kit.training.prepare import build_freezing, prepare


@pytest.fixture
def scaled(pipeline_sections: Any) -> Any:
    """``scaled({"classifier": 5.0})``: the tiny objective whose `ner` head scales, and its rates."""

    def make(scales: dict[str, float], **sections: Any) -> tuple[Objective, LayerRates]:
        pipeline = resolve(pipeline_sections(**sections), base_dir=Path())
        objective = prepare(pipeline).objective
        objective.model.heads["ner"].lr_scales = MappingProxyType(scales)  # type: ignore[assignment]
        return objective, LayerRates(
            objective, build_freezing(pipeline.freezing, pipeline.registry, epochs=pipeline.training.epochs)
        )

    return make


def rates(objective: Objective, found: LayerRates, factor: float) -> dict[str, float]:
    """Learning rate of each parameter, by name."""
    optimiser = found.optimiser(weight_decay=0.01, device=torch.device("cpu"))
    found.enter(0)
    found.apply(optimiser, factor)
    names = {id(parameter): name for name, parameter in objective.named_parameters()}
    return {names[id(p)]: group["lr"] for group in optimiser.param_groups for p in group["params"]}


def test_a_layer_without_a_scale_has_one(scaled: Any) -> None:
    objective, _ = scaled({"classifier": 5.0})
    scales = {layer.name: layer.lr_scale for layer in model_layers(objective)}
    assert scales.pop("model.heads.ner.classifier") == 5.0
    assert set(scales.values()) == {1.0}


@pytest.mark.parametrize("factor", [1.0, 0.25])
def test_the_scale_multiplies_the_rate(scaled: Any, factor: float) -> None:
    objective, found = scaled({"classifier": 5.0})
    by_name = rates(objective, found, factor)
    for part in ("weight", "bias"):
        assert by_name[f"model.heads.ner.classifier.{part}"] == pytest.approx(5 * 1e-2 * factor)
        assert by_name[f"model.heads.intent.classifier.{part}"] == pytest.approx(1e-2 * factor)
    assert {round(rate, 9) for name, rate in by_name.items() if "backbone" in name} == {round(3e-3 * factor, 9)}


def test_a_frozen_layer_stays_frozen(scaled: Any) -> None:
    heads = {"ner": {"type": "ner", "hidden": 4}}
    objective, found = scaled({"hidden": 5.0}, heads=heads, freezing="freeze_all")
    by_name = rates(objective, found, 1.0)
    assert by_name["model.heads.ner.hidden.weight"] == 0.0
    assert by_name["model.heads.ner.classifier.weight"] > 0.0
