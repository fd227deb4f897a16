"""What each strategy trains, and at which rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from nlu_kit.errors import ConfigError
from nlu_kit.plugin.contracts import Freezing, Layer
from nlu_kit.registry import Registry

EMBEDDINGS, BLOCKS = "backbone.embeddings", ["backbone.layer.0", "backbone.layer.1", "backbone.layer.2"]
BACKBONE = {EMBEDDINGS, *BLOCKS}
HIDDEN = {"heads.intent.hidden"}
FINAL = {"heads.intent.classifier", "heads.ner.classifier"}
OBJECTIVE = {"balancing"}
ABOVE = HIDDEN | FINAL | OBJECTIVE


def rates(strategy: Freezing, layers: Sequence[Layer], epoch: int = 0) -> dict[float | None, set[str]]:
    return {group.lr: set(group.layers) for group in strategy.groups(layers, epoch, ())}


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("freeze_all", {}, {None: BACKBONE | HIDDEN, 1e-3: FINAL | OBJECTIVE}),
        ("freeze_all", {"head_lr": 0.5}, {None: BACKBONE | HIDDEN, 0.5: FINAL | OBJECTIVE}),
        ("freeze_backbone", {}, {None: BACKBONE, 1e-3: ABOVE}),
        ("freeze_backbone", {"head_lr": 0.5}, {None: BACKBONE, 0.5: ABOVE}),
        ("discriminative", {}, {5e-5: BACKBONE, 1e-3: ABOVE}),
        ("discriminative", {"encoder_lr": 0.1, "head_lr": 0.5}, {0.1: BACKBONE, 0.5: ABOVE}),
        ("freeze_embeddings", {}, {None: {EMBEDDINGS}, 5e-5: set(BLOCKS), 1e-3: ABOVE}),
        ("freeze_lower", {}, {None: {EMBEDDINGS, BLOCKS[0]}, 5e-5: set(BLOCKS[1:]), 1e-3: ABOVE}),
        ("freeze_lower", {"layers": 2}, {None: {EMBEDDINGS, *BLOCKS[:2]}, 5e-5: {BLOCKS[2]}, 1e-3: ABOVE}),
        ("freeze_lower", {"layers": 0}, {None: {EMBEDDINGS}, 5e-5: set(BLOCKS), 1e-3: ABOVE}),
        ("freeze_lower", {"layers": 3}, {None: BACKBONE, 1e-3: ABOVE}),
        ("freeze_lower", {"fraction": 1}, {None: BACKBONE, 1e-3: ABOVE}),
        ("freeze_lower", {"fraction": 0.3}, {None: {EMBEDDINGS}, 5e-5: set(BLOCKS), 1e-3: ABOVE}),
        (
            "layerwise_decay",
            {"encoder_lr": 0.8, "decay": 0.5},
            {0.1: {EMBEDDINGS}, 0.2: {BLOCKS[0]}, 0.4: {BLOCKS[1]}, 0.8: {BLOCKS[2]}, 1e-3: ABOVE},
        ),
        ("layerwise_decay", {"decay": 1}, {5e-5: BACKBONE, 1e-3: ABOVE}),
    ],
)
def test_what_trains(build: Any, model: Any, name: str, options: dict[str, Any], expected: Any) -> None:
    strategy = build(name, **options)
    for epoch in (0, 1, 9):
        assert rates(strategy, model(3), epoch) == expected
        assert strategy.may_train(model(3), epoch, ()) == {n for lr, names in expected.items() if lr for n in names}


def test_a_share_of_many_layers_is_not_a_victim_of_rounding(build: Any, model: Any) -> None:
    frozen = rates(build("freeze_lower", fraction=0.29), model(100))[None]
    assert len(frozen) == 29 + 1


def test_more_layers_than_there_are(build: Any, model: Any) -> None:
    for strategy in (build("freeze_lower", layers=4), build("schedule", stages=[_until(1), _lower(4)])):
        with pytest.raises(ConfigError, match=r"fix 4 layers, but this encoder has 3 .*\n.* 3 or less"):
            strategy.may_train(model(3), 0, ())


def _until(epoch: int) -> dict[str, Any]:
    return {"type": "freeze_all", "until": epoch}


def _lower(layers: int) -> dict[str, Any]:
    return {"type": "freeze_lower", "layers": layers}


def test_what_lies_between_blocks_goes_with_the_upper_one_and_what_is_on_top_with_the_last(build: Any) -> None:
    names = ["word", "position", "block.0", "relative", "block.1", "norm"]
    layers = [Layer(name=name, part="backbone", parameters=1) for name in names]
    assert rates(build("freeze_lower", layers=1), layers) == {
        None: {"word", "position", "block.0"},
        5e-5: {"relative", "block.1", "norm"},
    }


def test_an_encoder_that_numbers_nothing(build: Any) -> None:
    layers = [Layer(name=name, part="backbone", parameters=1) for name in ("words", "low", "high")]
    assert rates(build("freeze_lower"), layers) == {None: {"words", "low"}, 5e-5: {"high"}}
    assert rates(build("freeze_embeddings"), layers) == {None: {"words"}, 5e-5: {"low", "high"}}


# --- gradual unfreezing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("epoch", "thawed"),
    [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2), (6, 3), (7, 3), (8, 4), (9, 4), (99, 4)],
)
def test_gradual_unfreezing_thaws_from_the_top(build: Any, model: Any, epoch: int, thawed: int) -> None:
    found = rates(build("gradual_unfreezing", every=2), model(3), epoch)
    order = [*reversed(BLOCKS), EMBEDDINGS]
    assert found.get(5e-5, set()) == set(order[:thawed])
    assert found[1e-3] == ABOVE


def test_what_does_not_thaw_in_time_never_trains(build: Any, model: Any) -> None:
    strategy = build("gradual_unfreezing", every=2, epochs=5)
    assert strategy.may_train(model(3), 0, ()) == {*BLOCKS[1:], *ABOVE}
    assert rates(strategy, model(3), 50)[None] == {EMBEDDINGS, BLOCKS[0]}


# --- parameters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("discriminative", {"head_lr": 0}),
        ("discriminative", {"head_lr": float("inf")}),
        ("discriminative", {"encoder_lr": -1e-5}),
        ("discriminative", {"lr": 1e-3}),
        ("freeze_lower", {"layers": -1}),
        ("freeze_lower", {"fraction": 1.1}),
        ("layerwise_decay", {"decay": 0}),
        ("layerwise_decay", {"decay": 1.1}),
        ("gradual_unfreezing", {"every": 0}),
    ],
)
def test_wrong_parameters_are_refused(build: Any, name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        build(name, **options)


def test_layers_and_fraction_exclude_each_other(build: Any) -> None:
    with pytest.raises(ConfigError, match="'layers' and 'fraction' both say how much is fixed: give one of them"):
        build("freeze_lower", layers=2, fraction=0.5)


def test_discriminative_is_the_default() -> None:
    assert Registry.load().default("freezing").spec.name == "discriminative"
