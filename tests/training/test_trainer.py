"""The training loop on the tiny pipeline: what a step does, what freezing does, which epoch is kept."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from nlu_kit.errors import PluginError, TrainingError
from nlu_kit.plugin.contracts import ParameterGroup
from nlu_kit.plugin.events import EpochEnd, StepEnd
from nlu_kit.training import early_stopping
from nlu_kit.training.trainer import Trainer

MakeTrainer = Callable[..., Trainer]
WITHOUT_GRADIENT = "key.bias"  # attention does not depend on it: its gradient is rounding, which AdamW scales up
HEADS = {"intent": {"type": "intent", "dropout": 0.0, "hidden": 8}, "ner": {"type": "ner", "dropout": 0.0}}


def weights(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in module.named_parameters()}


def moved(before: dict[str, torch.Tensor], module: nn.Module) -> set[str]:
    return {name for name, parameter in module.named_parameters() if not torch.equal(before[name], parameter)}


# --- a step -----------------------------------------------------------------------------------------------------------


def test_a_step_reports_the_means_of_its_batch(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer()
    trainer.rates.set_modes()
    batch = trainer.pieces(range(7))[0]
    with torch.no_grad():
        total, losses = trainer.objective(batch, trainer.objective.denominators(batch), 1.0)
    reported_total, reported = trainer.step(range(7))
    assert reported_total == pytest.approx(total.item(), rel=1e-5)
    assert reported == {head: pytest.approx(loss.item(), rel=1e-5) for head, loss in losses.items()}
    assert reported_total == pytest.approx(sum(reported.values()), rel=1e-5)


@pytest.mark.parametrize("pieces", [2, 3, 16])
def test_accumulated_gradients_give_the_same_weights(make_trainer: MakeTrainer, pieces: int) -> None:
    whole, cut = make_trainer(), make_trainer(training={"gradient_accumulation": pieces})
    assert len(cut.pieces(range(16))) == min(pieces, 16)
    for indices in (range(16), range(16, 32), range(32, 35)):
        total, losses = whole.step(indices)
        cut_total, cut_losses = cut.step(indices)
        assert cut_total == pytest.approx(total, rel=1e-5)
        assert cut_losses == {head: pytest.approx(loss, rel=1e-4, abs=1e-6) for head, loss in losses.items()}
    for name, expected in weights(whole.objective).items():
        if not name.endswith(WITHOUT_GRADIENT):
            torch.testing.assert_close(cut.objective.get_parameter(name), expected, atol=2e-6, rtol=1e-5)


def test_a_learnable_balancing_takes_the_same_step_in_pieces(make_trainer: MakeTrainer) -> None:
    steps = {}
    for pieces in (1, 4):
        trainer = make_trainer(balancing="uncertainty", training={"gradient_accumulation": pieces})
        totals = [trainer.step(range(16))[0] for _ in range(3)]
        steps[pieces] = [*totals, *trainer.objective.balancing.get_parameter("log_variances").tolist()]
    assert steps[4] == pytest.approx(steps[1], rel=1e-4)
    assert 0 not in steps[1][-2:]


def test_a_balancing_hears_of_each_epochs_losses(listen: Any, make_trainer: MakeTrainer) -> None:
    listening = listen()
    trainer = make_trainer(balancing="dynamic_weight_average", listening=listening, training={"epochs": 3})
    weighing = trainer.objective.balancing.get_buffer("weights")
    for epoch in range(2):
        assert weighing.tolist() == [1, 1]
        trainer.epoch(epoch, run_module_stopping())
    first, second = (torch.tensor(list(event.losses.values())) for event in listening.of(EpochEnd))
    torch.testing.assert_close(weighing, 2 * torch.softmax(second / first / 2, dim=0))


def test_a_loss_that_is_no_number_ends_the_run(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    trainer = make_trainer()
    with torch.no_grad():
        trainer.objective.model.heads["ner"].classifier.weight.fill_(float("nan"))
    before = weights(trainer.objective)
    with pytest.raises(TrainingError, match=r"(?s)no longer a number in step 1 \(ner nan.*lower the learning rates"):
        trainer.step(range(16))
    assert moved(before, trainer.objective) <= {"model.heads.ner.classifier.weight"}, "which is no number, nor equal"
    (record,) = map(json.loads, (tmp_path / "not-a-number.jsonl").read_text("utf-8").splitlines())
    assert record["step"] == 1
    assert len(record["texts"]) == 16


def test_steps_that_are_no_numbers_can_be_left_out(
    make_trainer: MakeTrainer, listen: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    listening = listen()
    trainer = make_trainer(
        listening=listening, training={"epochs": 1, "batch_size": 8, "on_nan": "skip", "nan_skips": 2}
    )
    loss, steps = trainer.objective.losses["ner"], iter(range(99))
    plain = loss.forward
    monkeypatch.setattr(loss, "forward", lambda *given: plain(*given) * (float("nan") if next(steps) == 2 else 1))
    trainer.epoch(0, run_module_stopping())
    (epoch,) = listening.of(EpochEnd)
    assert all(map(math.isfinite, epoch.losses.values()))
    assert [note for note in epoch.notes if note.startswith("step 3 was left out: ner nan")]
    assert all(torch.isfinite(value).all() for value in weights(trainer.objective).values())
    assert [event.step for event in listening.of(StepEnd)][:4] == [1, 2, 4, 5]
    monkeypatch.setattr(loss, "forward", lambda *given: plain(*given) * float("inf"))
    trainer.step(range(8))
    with pytest.raises(TrainingError, match="in step 10, after 2 that were left out"):
        trainer.step(range(8))


def test_gradients_are_clipped(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    norms: dict[float, float] = {}
    for limit in (1e-3, 1e6):
        trainer = make_trainer(training={"max_grad_norm": limit})

        def keep(trainer: Trainer = trainer, limit: float = limit) -> None:
            gradients = [p.grad for p in trainer.objective.parameters() if p.grad is not None]
            norms[limit] = torch.cat([gradient.flatten() for gradient in gradients]).norm().item()

        monkeypatch.setattr(trainer.optimiser, "step", keep)
        trainer.step(range(16))
    assert norms[1e-3] == pytest.approx(1e-3, rel=1e-3)
    assert norms[1e6] > 1e-2


def test_biases_and_norms_do_not_decay(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(training={"weight_decay": 0.3})
    decay = {id(p): g["weight_decay"] for g in trainer.optimiser.param_groups for p in g["params"]}
    for name, parameter in trainer.objective.named_parameters():
        fixed = name.endswith("bias") or "LayerNorm" in name
        assert decay[id(parameter)] == (0.0 if fixed else 0.3), name
    assert all(group["fused"] for group in trainer.optimiser.param_groups)


def test_the_rates_are_the_strategys_times_the_schedules(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(training={"epochs": 2, "schedule": "linear", "warmup": 0.25})
    seen = []
    for _ in range(8):
        trainer.step(range(4))
        rates = {group["layer"]: group["lr"] for group in trainer.optimiser.param_groups}
        encoder = {rate for layer, rate in rates.items() if "backbone" in layer}
        heads = {rate for layer, rate in rates.items() if "heads" in layer}
        assert len(encoder) == len(heads) == 1
        seen.append(encoder.pop() / 3e-3)
        assert heads.pop() == pytest.approx(seen[-1] * 1e-2)
    assert seen == pytest.approx([1 / 2, 1, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])


# --- freezing ---------------------------------------------------------------------------------------------------------

BACKBONE, HIDDEN, FINAL = "model.backbone.", "model.heads.intent.hidden.", ".classifier."


@pytest.mark.parametrize(
    ("strategy", "trains"),
    [
        ("freeze_all", lambda name: FINAL in name),
        ("freeze_backbone", lambda name: not name.startswith(BACKBONE)),
        ("discriminative", lambda name: True),
    ],
)
def test_frozen_layers_stay_and_the_others_move(make_trainer: MakeTrainer, strategy: str, trains: Any) -> None:
    trainer = make_trainer(heads=HEADS, freezing=strategy)
    before = weights(trainer.objective)
    for _ in range(3):
        trainer.step(range(32))
    changed = moved(before, trainer.objective)
    expected = {name for name in before if trains(name)}
    assert changed <= expected
    assert {name for name in expected - changed if not name.endswith(WITHOUT_GRADIENT)} == set()
    assert all(parameter.requires_grad == trains(name) for name, parameter in trainer.objective.named_parameters())
    if strategy == "freeze_all":
        assert HIDDEN not in str(changed)


def test_a_frozen_layer_holds_no_optimiser_state(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(freezing="freeze_backbone")
    trainer.step(range(16))
    assert len(trainer.optimiser.state) == 4  # two classifiers, weight and bias


def test_static_layers_run_in_eval_mode(make_trainer: MakeTrainer) -> None:
    frozen = make_trainer(freezing="freeze_backbone")
    frozen.epoch(0, run_module_stopping())
    assert not frozen.objective.model.backbone.encoder.embeddings.training
    assert not frozen.objective.model.backbone.encoder.encoder.layer[1].training
    assert frozen.objective.model.heads["intent"].training
    trainable = make_trainer()
    trainable.epoch(0, run_module_stopping())
    assert all(module.training for module in trainable.objective.modules())


def run_module_stopping() -> Any:
    from nlu_kit.training.early_stopping import EarlyStopping

    return EarlyStopping(5)


class Thawing:
    """Frozen but for the heads; from epoch 1 on the upper block trains too."""

    def groups(self, layers: Any, epoch: int, scores: Any) -> list[ParameterGroup]:
        def rate(layer: Any) -> float | None:
            return 1e-3 if layer.part == "head" or (epoch and layer.name.endswith("layer.1")) else None

        return [ParameterGroup(layers=(layer.name,), lr=rate(layer)) for layer in layers]

    def may_train(self, layers: Any, epoch: int, scores: Any) -> set[str]:
        return {layer.name for layer in layers if layer.part == "head" or layer.name.endswith("layer.1")}


def test_a_layer_that_thaws_later_is_not_static_and_then_moves(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(freezing_strategy=Thawing(), training={"epochs": 3})
    assert [layer.name for layer in trainer.rates.static_layers()] == [
        "model.backbone.encoder.embeddings",
        "model.backbone.encoder.encoder.layer.0",
    ]
    before = weights(trainer.objective)
    trainer.epoch(0, run_module_stopping())
    assert not any(name.startswith(BACKBONE) for name in moved(before, trainer.objective))
    trainer.epoch(1, run_module_stopping())
    touched = {name for name in moved(before, trainer.objective) if name.startswith(BACKBONE)}
    assert touched
    assert all("layer.1." in name for name in touched)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (lambda layers: [], "leaves out model.backbone"),
        (lambda layers: [ParameterGroup(layers=(layers[0].name,) * 2, lr=1.0)], "embeddings' is in two groups"),
        (lambda layers: [ParameterGroup(layers=("nowhere",), lr=1.0)], "layer 'nowhere' is unknown"),
        (
            lambda layers: [ParameterGroup(layers=tuple(layer.name for layer in layers), lr=1.0)],
            "trains model.backbone.*embeddings.*, which it had said would not train again",
        ),
    ],
)
def test_a_strategy_that_breaks_its_contract(make_trainer: MakeTrainer, groups: Any, message: str) -> None:
    class Broken:
        def groups(self, layers: Any, epoch: int, scores: Any) -> Any:
            return groups(layers)

        def may_train(self, layers: Any, epoch: int, scores: Any) -> set[str]:
            return {layer.name for layer in layers if layer.part == "head"}

    broken = Broken()
    with pytest.raises(PluginError, match=f"contract: .*{message}"):
        make_trainer(freezing_strategy=broken)


PLATEAU = {"type": "freeze_backbone", "until": "plateau", "plateau_patience": 1}


def test_a_schedule_moves_on_when_the_dev_score_stops_rising(make_trainer: MakeTrainer) -> None:
    stages = [PLATEAU, {"type": "freeze_lower", "fraction": 0.5}]
    trainer = make_trainer(
        scores=[0.2, 0.3, 0.3, 0.1],
        freezing={"type": "schedule", "stages": stages},
        training={"epochs": 4, "patience": 9},
    )
    before = weights(trainer.objective.model.backbone)
    for epoch in range(3):
        trainer.epoch(epoch, run_module_stopping())
    assert moved(before, trainer.objective.model.backbone) == set()
    trainer.epoch(3, run_module_stopping())
    touched = moved(before, trainer.objective.model.backbone)
    assert touched
    assert all("layer.1." in name for name in touched)


@pytest.mark.parametrize(
    ("freezing", "varies"),
    [
        ("discriminative", False),
        ("freeze_lower", False),
        ("gradual_unfreezing", True),
        ({"type": "schedule", "stages": [{"type": "discriminative", "until": 2}, "layerwise_decay"]}, False),
        # all trains in the first epoch, and may in the last: only between them something is frozen
        ({"type": "schedule", "stages": [{"type": "discriminative", "until": 1}, PLATEAU, "layerwise_decay"]}, True),
        (
            {
                "type": "schedule",
                "stages": [{"type": "discriminative", "until": "plateau", "plateau_patience": 1}, "freeze_backbone"],
            },
            True,
        ),
    ],
)
def test_several_processes_look_for_unused_parameters_where_what_trains_varies(
    make_trainer: MakeTrainer, freezing: Any, varies: bool
) -> None:
    trainer = make_trainer(freezing=freezing, training={"epochs": 4})
    assert trainer.rates.mark_trainable(4) is varies


# --- the best epoch ---------------------------------------------------------------------------------------------------


@pytest.fixture
def learnt_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """These trainings are too short to learn train, and would never stop early."""
    monkeypatch.setattr(early_stopping, "LEARNT", math.inf)


@pytest.mark.usefixtures("learnt_at_once")
def test_early_stopping_keeps_the_best_weights(listen: Any, make_trainer: MakeTrainer) -> None:
    best: dict[str, torch.Tensor] = {}
    listening = listen(at_epoch=lambda event: best.update(weights(trainer.objective)) if event.epoch == 1 else None)
    trainer = make_trainer(
        scores=[0.2, 0.8, 0.5, 0.7, 0.1, 0.9], listening=listening, training={"epochs": 9, "patience": 3}
    )
    result = trainer.fit()
    assert (result.reason, result.epochs_run, result.best.epoch) == ("early stopping", 5, 1)
    assert result.best.dev == {"made.up": 0.8}
    assert moved(best, trainer.objective) == set()
    epochs = listening.of(EpochEnd)
    assert [event.improved for event in epochs] == [True, True, False, False, False]
    assert [event.patience_left for event in epochs] == [3, 3, 2, 1, 0]
    assert [event.best_score for event in epochs] == [0.2, 0.8, 0.8, 0.8, 0.8]


@pytest.mark.usefixtures("learnt_at_once")
def test_without_selection_the_last_epoch_is_kept_and_nothing_ends_early(
    listen: Any, make_trainer: MakeTrainer
) -> None:
    listening = listen()
    trainer = make_trainer(scores=[0.9, 0.1, 0.1, 0.1], listening=listening, training={"epochs": 4, "patience": 1})
    trainer.selects = False
    result = trainer.fit()
    assert (result.reason, result.epochs_run, result.best.epoch) == ("finished", 4, 3)
    assert [event.selects for event in listening.of(EpochEnd)] == [False] * 4


def test_without_dev_the_score_is_the_training_loss(listen: Any, make_trainer: MakeTrainer) -> None:
    listening = listen()
    trainer = make_trainer(listening=listening, training={"epochs": 3})
    trainer.validate, trainer.selects = None, False
    result = trainer.fit()
    assert (result.best.epoch, result.best.dev) == (2, {})
    epochs = listening.of(EpochEnd)
    assert [(dict(event.dev), list(event.main), list(event.samples)) for event in epochs] == [({}, [], [])] * 3
    assert [event.score for event in epochs] == [-sum(event.losses.values()) for event in epochs]


@pytest.mark.parametrize(("scores", "best"), [([0.9, 0.5, 0.8], -1), ([0.5, 0.9, 0.8], 0)])
def test_a_head_that_has_begun_at_a_fit_ends_no_lower(make_trainer: Any, scores: list[float], best: int) -> None:
    trainer = make_trainer(scores=scores, training={"epochs": 2})
    trainer.begun = True
    began = {name: value.clone() for name, value in trainer.objective.state_dict().items()}
    result = trainer.fit()
    assert result.best.epoch == best
    same = all(torch.equal(value, began[name]) for name, value in trainer.objective.state_dict().items())
    assert same == (best == -1)
