"""What each strategy trains; pure functions, so no torch."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from nlu_kit.model.protocols import Freezing
from nlu_kit.registry import Registry
from nlu_kit.specs import Component, FreezingContext, Layer

LAYERS = (
    Layer(name="backbone.embeddings", part="backbone", parameters=100),
    Layer(name="backbone.layer.0", part="backbone", parameters=50),
    Layer(name="backbone.layer.1", part="backbone", parameters=50),
    Layer(name="heads.intent.hidden", part="head", parameters=10, head="intent"),
    Layer(name="heads.intent.classifier", part="head", parameters=5, head="intent", final=True),
    Layer(name="heads.ner.classifier", part="head", parameters=5, head="ner", final=True),
    Layer(name="balancing", part="objective", parameters=2),
)
BACKBONE = {layer.name for layer in LAYERS if layer.part == "backbone"}
HIDDEN = {"heads.intent.hidden"}
FINAL = {"heads.intent.classifier", "heads.ner.classifier"}
OBJECTIVE = {"balancing"}


def build(name: str, **options: object) -> Freezing:
    def nested(component: Component) -> Freezing:
        raise AssertionError("these strategies nest nothing")

    spec = Registry.load().get("freezing", name).spec
    return spec.build(spec.params(**options), FreezingContext(epochs=10, nested=nested))


def rates(strategy: Freezing, epoch: int = 0) -> dict[float | None, set[str]]:
    return {group.lr: set(group.layers) for group in strategy.groups(LAYERS, epoch)}


def test_freeze_all_trains_only_the_final_classifiers_and_the_objective() -> None:
    assert rates(build("freeze_all")) == {None: BACKBONE | HIDDEN, 1e-3: FINAL | OBJECTIVE}


def test_freeze_backbone_trains_whole_heads() -> None:
    assert rates(build("freeze_backbone")) == {None: BACKBONE, 1e-3: HIDDEN | FINAL | OBJECTIVE}


def test_discriminative_trains_everything_at_two_rates() -> None:
    assert rates(build("discriminative")) == {5e-5: BACKBONE, 1e-3: HIDDEN | FINAL | OBJECTIVE}


def test_rates_are_parameters() -> None:
    assert set(rates(build("freeze_all", head_lr=0.5))) == {None, 0.5}
    assert set(rates(build("freeze_backbone", head_lr=0.5))) == {None, 0.5}
    assert set(rates(build("discriminative", encoder_lr=0.1, head_lr=0.5))) == {0.1, 0.5}


@pytest.mark.parametrize("name", ["freeze_all", "freeze_backbone", "discriminative"])
@pytest.mark.parametrize("epoch", [0, 1, 9])
def test_each_layer_is_in_exactly_one_group_in_the_models_order(name: str, epoch: int) -> None:
    groups = build(name).groups(LAYERS, epoch)
    placed = [layer for group in groups for layer in group.layers]
    assert sorted(placed) == sorted(layer.name for layer in LAYERS)
    order = [layer.name for layer in LAYERS]
    for group in groups:
        assert group.layers
        assert list(group.layers) == sorted(group.layers, key=order.index)


@pytest.mark.parametrize("name", ["freeze_all", "freeze_backbone", "discriminative"])
def test_no_layers_give_no_groups(name: str) -> None:
    assert list(build(name).groups((), 0)) == []


@pytest.mark.parametrize("options", [{"head_lr": 0}, {"head_lr": float("inf")}, {"encoder_lr": -1e-5}, {"lr": 1e-3}])
def test_wrong_parameters_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        build("discriminative", **options)


def test_discriminative_is_the_default() -> None:
    assert Registry.load().default("freezing").spec.name == "discriminative"
