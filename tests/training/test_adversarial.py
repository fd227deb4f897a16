"""The fast gradient method: which way word vectors move, how far, and that nothing but the step sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nlu_kit.config.check import resolve
from nlu_kit.data.batch import Batch
from nlu_kit.errors import PluginError
from nlu_kit.plugin.modules import word_table
from nlu_kit.training.data_checks import data_findings
from nlu_kit.training.prepare import prepare
from nlu_kit.training.trainer import Trainer

MakeTrainer = Callable[..., Trainer]
RADIUS = 0.05
FGM = {"fgm": RADIUS}
REASON = "the freezing strategy never trains the encoder"


@contextmanager
def looked_up(trainer: Trainer) -> Iterator[list[Tensor]]:
    """What the encoder gets of the table of word vectors, pass by pass."""
    seen: list[Tensor] = []
    table = word_table(trainer.objective.model.backbone)
    handle = table.register_forward_hook(lambda _, __, vectors: seen.append(vectors.detach().clone()))
    yield seen
    handle.remove()


def moves(trainer: Trainer, batch: Batch, denominators: Any = None, loss_scale: float = 1.0) -> tuple[Tensor, Tensor]:
    """(word vectors [B, T, D], how far they move), padding at 0."""
    denominators = denominators or trainer.denominators([batch])
    with looked_up(trainer) as seen:
        for number in range(trainer.adversary.passes):
            with trainer.adversary.turn(number, batch) as piece:
                total, _ = trainer.objective(piece, denominators, 1.0)
            (total * loss_scale).backward()
    trainer.objective.zero_grad()
    clean, moved = (vectors * batch.tokens.mask_BT[:, :, None] for vectors in seen)
    return clean, moved - clean


def test_each_text_moves_by_the_radius_times_its_length(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(training=FGM)
    (batch,) = trainer.pieces(range(9))
    clean, move = moves(trainer, batch)
    lengths = clean.flatten(1).norm(dim=1)
    torch.testing.assert_close(move.flatten(1).norm(dim=1), RADIUS * lengths)


def test_a_text_moves_for_itself_whatever_piece_it_is_in(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(training=FGM)
    (batch,) = trainer.pieces(range(9))
    denominators = trainer.denominators([batch])
    _, together = moves(trainer, batch, denominators)
    for position in range(9):
        _, alone = moves(trainer, *trainer.pieces([position]), denominators)
        width = alone.shape[1]
        torch.testing.assert_close(together[position, :width], alone[0], atol=1e-5, rtol=1e-3)
        assert not together[position, width:].any()


def test_where_gradients_overflow_nothing_moves(make_trainer: MakeTrainer) -> None:
    """As under fp16's loss scaling, which then skips the step."""
    trainer = make_trainer(training=FGM)
    _, move = moves(trainer, *trainer.pieces(range(9)), loss_scale=float("inf"))
    assert not move.any()


def test_there_the_loss_is_higher_than_in_any_other_direction(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(training={"fgm": 0.01})
    (batch,) = trainer.pieces(range(9))
    denominators = trainer.denominators([batch])
    _, move = moves(trainer, batch)

    def loss_after(change: Tensor) -> float:
        table = word_table(trainer.objective.model.backbone)
        handle = table.register_forward_hook(lambda _, __, vectors: vectors + change)
        with torch.no_grad():
            total, _ = trainer.objective(batch, denominators, 1.0)
        handle.remove()
        return float(total)

    worst = loss_after(move)
    assert loss_after(-move) < loss_after(torch.zeros_like(move)) < worst
    torch.manual_seed(0)
    for _ in range(20):
        other = torch.randn_like(move) * batch.tokens.mask_BT[:, :, None]
        other *= (move.flatten(1).norm(dim=1) / other.flatten(1).norm(dim=1))[:, None, None]
        assert loss_after(other) < worst


def test_a_step_takes_the_mean_of_both_gradients(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(training={**FGM, "max_grad_norm": 1e6})
    kept: dict[str, Tensor] = {}
    parameters = dict(trainer.objective.named_parameters())

    def keep() -> None:
        kept.update({name: p.grad.clone() for name, p in parameters.items() if p.grad is not None})

    monkeypatch.setattr(trainer.optimiser, "step", keep)
    total, losses = trainer.step(range(8))

    (batch,) = trainer.pieces(range(8))
    _, move = moves(trainer, batch)
    table = word_table(trainer.objective.model.backbone)
    totals = []
    for change in (torch.zeros_like(move), move):
        handle = table.register_forward_hook(lambda _, __, vectors, change=change: vectors + change)
        both, _ = trainer.objective(batch, trainer.denominators([batch]), 1.0)
        (both / 2).backward()
        totals.append(both.item())
        handle.remove()
    assert total == pytest.approx(sum(totals) / 2, rel=1e-5)
    assert sum(losses.values()) == pytest.approx(total, rel=1e-5)
    assert kept
    for name, gradient in kept.items():
        torch.testing.assert_close(gradient, parameters[name].grad, atol=1e-6, rtol=1e-4, msg=name)


@pytest.mark.parametrize("pieces", [2, 16])
def test_accumulated_gradients_give_the_same_weights(make_trainer: MakeTrainer, pieces: int) -> None:
    whole = make_trainer(training=FGM)
    cut = make_trainer(training={**FGM, "gradient_accumulation": pieces})
    for indices in (range(16), range(16, 32), range(32, 35)):
        assert cut.step(indices)[0] == pytest.approx(whole.step(indices)[0], rel=1e-5)
    for name, expected in whole.objective.named_parameters():
        if not name.endswith("key.bias"):  # attention does not depend on it: its gradient is rounding
            torch.testing.assert_close(cut.objective.get_parameter(name), expected, atol=5e-6, rtol=1e-4)


def test_outside_of_a_step_words_are_looked_up_as_ever(make_trainer: MakeTrainer) -> None:
    plain, trainer = make_trainer(), make_trainer(training=FGM)
    (batch,) = trainer.pieces(range(9))
    trainer.step(range(9))
    trainer.objective.load_state_dict(plain.objective.state_dict())
    for module in (plain.objective, trainer.objective):
        module.eval()
    expected = plain.objective.model(batch.tokens)["ner"]["logits"]
    assert torch.equal(trainer.objective.model(batch.tokens)["ner"]["logits"], expected)


def test_while_the_word_vectors_are_frozen_a_batch_goes_through_once(make_trainer: MakeTrainer) -> None:
    thawing = {"type": "gradual_unfreezing", "encoder_lr": 1e-3, "every": 1}
    trainer = make_trainer(training={**FGM, "epochs": 4}, freezing=thawing)
    passes = []
    for epoch in range(4):
        trainer.rates.enter(epoch, [0.1] * epoch)
        with looked_up(trainer) as seen:
            trainer.step(range(8))
        passes.append(len(seen))
    assert passes == [1, 1, 1, 2]


@pytest.mark.parametrize(
    ("strategy", "idle"),
    [("freeze_all", True), ("freeze_backbone", True), ("freeze_embeddings", False), ("gradual_unfreezing", False)],
)
def test_a_strategy_that_never_trains_the_encoder(
    make_trainer: MakeTrainer, pipeline_sections: Any, strategy: str, idle: bool
) -> None:
    """So that strategies can be compared with it: it does nothing, and says so."""
    sections = pipeline_sections(freezing=strategy, training={**FGM, "epochs": 9})
    pipeline = resolve(sections, base_dir=Path())
    warnings = [warning.message for warning in data_findings(prepare(pipeline))]
    assert [said for said in warnings if "fgm" in said] == ["training.fgm does nothing: " + REASON] * idle
    if idle:
        plain, trainer = make_trainer(freezing=strategy), make_trainer(freezing=strategy, training=FGM)
        assert trainer.step(range(8)) == plain.step(range(8))


# --- above static layers ----------------------------------------------------------------------------------------------

LOWER = {"type": "freeze_lower", "layers": 1, "encoder_lr": 1e-3}


def above(trainer: Trainer, batch: Batch, denominators: Any = None) -> tuple[Tensor, Tensor]:
    """(what static layers put out [B, T, D], how far it moves), padding at 0."""
    denominators = denominators or trainer.denominators([batch])
    seen = []
    for number in range(trainer.adversary.passes):
        with trainer.adversary.turn(number, batch) as piece:
            total, _ = trainer.objective(piece, denominators, 1.0)
        total.backward()
        assert piece.tokens.static_BTD is not None
        seen.append(piece.tokens.static_BTD.detach() * batch.tokens.mask_BT[:, :, None])
    trainer.objective.zero_grad()
    return seen[0], seen[1] - seen[0]


def frozen_below(make_trainer: MakeTrainer, *, budget: int = 0) -> Trainer:
    """``budget``: the bytes that may be kept of what static layers put out."""
    trainer = make_trainer(freezing=LOWER, training=FGM)
    trainer.static.limits = replace(trainer.static.limits, budget=budget)
    trainer.static.enter(len(trainer.rates.static_layers()))
    trainer.rates.set_modes()
    return trainer


def test_what_static_layers_put_out_moves_in_place_of_words(make_trainer: MakeTrainer) -> None:
    trainer = frozen_below(make_trainer)
    (batch,) = trainer.pieces(range(9))
    together, move = above(trainer, batch)
    torch.testing.assert_close(move.flatten(1).norm(dim=1), RADIUS * together.flatten(1).norm(dim=1))
    denominators = trainer.denominators([batch])
    for position in range(9):
        _, alone = above(trainer, *trainer.pieces([position]), denominators)
        torch.testing.assert_close(move[position, : alone.shape[1]], alone[0], atol=1e-5, rtol=1e-3)


def test_it_moves_whether_it_is_kept_or_computed_again(make_trainer: MakeTrainer) -> None:
    kept, again = (frozen_below(make_trainer, budget=budget) for budget in (2**22, 0))
    assert (kept.static.cache is None, again.static.cache is None) == (False, True)
    plain = make_trainer(freezing=LOWER)
    plain.rates.set_modes()
    for indices in (range(8), range(8, 16)):
        found = kept.step(indices)[0]
        assert again.step(indices)[0] == pytest.approx(found, rel=1e-5)
        assert found > plain.step(indices)[0]
    for name, expected in kept.objective.named_parameters():
        torch.testing.assert_close(again.objective.get_parameter(name), expected, atol=5e-6, rtol=1e-4)


def test_a_backbone_that_cannot_go_on_above_static_layers(
    make_trainer: MakeTrainer, pipeline_sections: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare(resolve(pipeline_sections(freezing=LOWER, training=FGM), base_dir=Path()))
    monkeypatch.setattr(type(prepared.objective.model.backbone), "resume_points", lambda _: ())
    (said,) = [str(finding) for finding in data_findings(prepared) if "fgm" in str(finding)]
    assert "can't go on above the layers that the freezing strategy never trains" in said
    assert frozen_below(make_trainer).adversary.passes == 1


# --- encoders that don't fit ------------------------------------------------------------------------------------------


def test_a_backbone_without_a_table_of_word_vectors(make_trainer: MakeTrainer) -> None:
    backbone = make_trainer().objective.model.backbone
    backbone.layers = backbone.layers[1:]
    with pytest.raises(PluginError, match=r"no table of word vectors \(nn.Embedding\) in 'encoder.encoder.layer.0'"):
        word_table(backbone)


def test_a_backbone_that_reads_its_table_some_other_way(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(training=FGM)
    table = word_table(trainer.objective.model.backbone)
    embeddings = trainer.objective.model.backbone.encoder.embeddings
    monkeypatch.setattr(embeddings, "word_embeddings", None)
    del embeddings._modules["word_embeddings"]
    embeddings.word_embeddings = _Indexed(table.weight)
    with pytest.raises(PluginError, match="does not look its ids up"):
        trainer.step(range(8))


class _Indexed(nn.Module):
    def __init__(self, weight: nn.Parameter) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.weight[ids]
