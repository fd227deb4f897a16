"""Each clause of a loss's contract can fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from nlu_kit.data.labels import IGNORE
from nlu_kit.heads.modules import Loss
from nlu_kit.plugin.specs import LossSpec


class Good(Loss):
    """Cross-entropy, step by step."""

    def picked(self, logits: Tensor, labels: Tensor) -> Tensor:
        """-log p of each target's class [...]."""
        log_p = torch.log_softmax(logits.float(), dim=-1)
        return -log_p.gather(-1, labels.clamp(min=0)[..., None]).squeeze(-1)

    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        labels = targets["labels"]
        return (self.picked(outputs["logits"], labels) * (labels != IGNORE)).sum()

    def denominator(self, targets: Mapping[str, Tensor]) -> Tensor:
        return (targets["labels"] != IGNORE).sum(dtype=torch.float32)


class DividesByZero(Good):
    def denominator(self, targets: Mapping[str, Tensor]) -> Tensor:
        return torch.zeros(())


class TakesTheMean(Good):
    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        return super().forward(outputs, targets) / self.denominator(targets).clamp(min=1)


class SmoothsWhatIsIgnored(Good):
    """A regulariser over all tokens of a sentence that has any target."""

    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        known = (targets["labels"] != IGNORE).flatten(1) if targets["labels"].ndim > 1 else None
        squares = outputs["logits"].float().square().flatten(1).sum(dim=1)
        extra = 0.0 if known is None else 1e-3 * (squares * known.any(dim=1)).sum()
        return super().forward(outputs, targets) + extra


class CutsOff(Good):
    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        return super().forward(outputs, targets) if self.denominator(targets) > 0 else torch.zeros(())


class TakesTheLogOfSoftmax(Good):
    def picked(self, logits: Tensor, labels: Tensor) -> Tensor:
        p = torch.softmax(logits.float(), dim=-1)
        return -torch.log(p.gather(-1, labels.clamp(min=0)[..., None]).squeeze(-1))


class IsOffByOne(Good):
    def picked(self, logits: Tensor, labels: Tensor) -> Tensor:
        return super().picked(logits, torch.where(labels < 0, labels, (labels + 1) % 3))


class CentresInPlace(Good):
    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        with torch.no_grad():
            outputs["logits"].sub_(outputs["logits"].mean(dim=-1, keepdim=True))
        return super().forward(outputs, targets)


class KeepsTheTypeOfLogits(Good):
    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        return super().forward(outputs, targets).to(outputs["logits"].dtype)


class ShiftsOneClassOnly(Good):
    def log_prior_shift(self) -> Tensor:
        return torch.zeros(1)


BROKEN: dict[str, type[Good]] = {
    "prior-shift": ShiftsOneClassOnly,
    "scalars": DividesByZero,
    "adds-up": TakesTheMean,
    "masked": SmoothsWhatIsIgnored,
    "nothing-to-learn": CutsOff,
    "extreme-outputs": TakesTheLogOfSoftmax,
    "leads-to-targets": IsOffByOne,
    "repeatable": CentresInPlace,
    "half-precision": KeepsTheTypeOfLogits,
}


def spec(params: Any, loss: type[Good], **fields: Any) -> LossSpec[Any]:
    return LossSpec(name="stub", summary="A stub.", params=params, build=lambda *_: loss(), **fields)


def test_the_good_one_keeps_it(stub_plugin: Any, violations: Any) -> None:
    assert violations(spec(stub_plugin.StubParams, Good)) == {}


@pytest.mark.parametrize("clause", BROKEN)
def test_a_broken_one_is_found(clause: str, stub_plugin: Any, assert_breaks: Any) -> None:
    assert_breaks(spec(stub_plugin.StubParams, BROKEN[clause]), clause)


def test_every_clause_has_a_broken_one(own_clauses: Any) -> None:
    assert set(BROKEN) == own_clauses("loss")


def test_without_a_head_that_it_fits_nothing_is_tried(stub_plugin: Any, violations: Any) -> None:
    assert violations(spec(stub_plugin.StubParams, TakesTheMean, consumes=frozenset({"trees"}))) == {}


def test_what_installed_heads_put_out_is_tried_too() -> None:
    from nlu_kit.registry import Registry
    from nlu_kit.testing.loss_material import materials

    registry = Registry.load()
    names = [material.name for material in materials(frozenset({"logits"}), registry)]
    assert names[:2] == ["logits per sentence", "logits per token"]
    assert {"what the head 'intent' puts out", "what the head 'ner' puts out"} <= set(names[2:])
    (several,) = materials(frozenset({"multilabel_logits"}), registry)
    assert several.name == "what the head 'multilabel_intent' puts out"
    assert several.masked([0]).targets["labels"][0].isnan().all()
