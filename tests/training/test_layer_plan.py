"""What a strategy does to each layer, told before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.config.check import resolve
from nlu_kit.errors import ConfigError
from nlu_kit.training.layer_plan import EpochRange, ParameterPlan, parameter_plan
from nlu_kit.training.prepare import prepare
from nlu_kit.training.run import train


@pytest.fixture
def plan(pipeline_sections: Any) -> Any:
    """``plan(freezing="freeze_lower")``: the plan of the tiny pipeline for six epochs."""

    def plan(epochs: int = 6, **sections: Any) -> ParameterPlan:
        return parameter_plan(resolve(pipeline_sections(training={"epochs": epochs}, **sections), base_dir=Path()))

    return plan


def states(ranges: Sequence[EpochRange]) -> dict[tuple[int, int], str]:
    """The backbone's states, bottom to top, by first and last epoch."""
    return {
        (part.first, part.last): " ".join(layer.state for layer in part.layers if "backbone" in layer.name)
        for part in ranges
    }


@pytest.mark.parametrize(
    ("freezing", "expected"),
    [
        ("discriminative", {(0, 5): "trains trains trains"}),
        ("freeze_lower", {(0, 5): "static static trains"}),
        (
            {"type": "gradual_unfreezing", "every": 2},
            {(0, 1): "static frozen frozen", (2, 3): "static frozen trains", (4, 5): "static trains trains"},
        ),
        (
            {"type": "schedule", "stages": [{"type": "discriminative", "until": 2}, "freeze_backbone"]},
            {(0, 1): "trains trains trains", (2, 5): "static static static"},
        ),
    ],
)
def test_epochs_that_are_equal_are_one_range(plan: Any, freezing: Any, expected: Any) -> None:
    found = plan(freezing=freezing)
    assert states(found.ranges) == expected
    assert found.plateau is None


def test_a_strategy_that_looks_at_scores_shows_both_ends(plan: Any) -> None:
    stages = [{"type": "freeze_backbone", "until": "plateau", "plateau_patience": 2}, "freeze_lower"]
    found = plan(freezing={"type": "schedule", "stages": stages})
    assert states(found.ranges) == {(0, 5): "static static frozen"}
    assert states(found.plateau) == {(0, 2): "static static frozen", (3, 5): "static static trains"}


def test_rates_and_sizes_are_those_of_the_model(plan: Any, pipeline_sections: Any) -> None:
    sections = {"freezing": {"type": "layerwise_decay", "encoder_lr": 1e-3, "decay": 0.5}, "balancing": "uncertainty"}
    (part,) = plan(**sections).ranges
    rates = [layer.rate for layer in part.layers]
    assert rates == pytest.approx([0.25e-3, 0.5e-3, 1e-3, 1e-3, 1e-3, 1e-3])
    objective = prepare(resolve(pipeline_sections(**sections), base_dir=Path())).objective
    assert part.total == part.training == sum(parameter.numel() for parameter in objective.parameters())
    assert (part.layers[-1].name, part.layers[-1].parameters) == ("balancing", 2)


def test_a_layer_that_scales_its_rate_is_shown_with_what_it_gets(plan: Any) -> None:
    (part,) = plan(heads={"ner": {"type": "crf_ner", "crf_lr_scale": 4}}).ranges
    rates = {layer.name: layer.rate for layer in part.layers if "heads" in layer.name}
    assert rates == {"model.heads.ner.crf": pytest.approx(4e-2), "model.heads.ner.classifier": pytest.approx(1e-2)}


def test_a_strategy_that_does_not_fit_the_encoder_ends_before_anything_is_written(
    write_pipeline: Any, tmp_path: Path
) -> None:
    file = write_pipeline(tmp_path, freezing={"type": "freeze_lower", "layers": 3})
    with pytest.raises(ConfigError, match="fix 3 layers, but this encoder has 2"):
        train(file, runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
