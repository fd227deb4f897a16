"""Each clause of a balancing's contract can fail."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from nlu_kit.plugin.modules import Balancing
from nlu_kit.plugin.specs import BalancingSpec


class Good(Balancing):
    """The sum of the losses, each times a weight that follows the epochs' losses."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(()))

    def forward(self, losses: Mapping[str, Tensor], *, share: float = 1.0) -> Tensor:
        return self.weight * torch.stack(list(losses.values())).sum()

    def end_epoch(self, losses: Mapping[str, float]) -> None:
        self.weight.add_(losses["intent"])


class Overflows(Good):
    def forward(self, losses: Mapping[str, Tensor], *, share: float = 1.0) -> Tensor:
        total = super().forward(losses, share=share)
        return torch.where(total > 65504 / 8, math.inf, total)


class ForgetsAHead(Good):
    def forward(self, losses: Mapping[str, Tensor], *, share: float = 1.0) -> Tensor:
        detached = {head: loss if head == "intent" else loss.detach() for head, loss in losses.items()}
        return super().forward(detached, share=share)


class RegularisesEachPiece(Good):
    def forward(self, losses: Mapping[str, Tensor], *, share: float = 1.0) -> Tensor:
        return super().forward(losses, share=share) + 0.1  # not times the share


class WantsTwoHeads(Good):
    def forward(self, losses: Mapping[str, Tensor], *, share: float = 1.0) -> Tensor:
        return self.weight * (losses["intent"] + losses["ner"])


class CountsSteps(Good):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("steps", torch.zeros(()))

    def forward(self, losses: Mapping[str, Tensor], *, share: float = 1.0) -> Tensor:
        self.steps.add_(1)
        return super().forward(losses, share=share)


class KeepsAnAttribute(Good):
    heard = 1.0

    def forward(self, losses: Mapping[str, Tensor], *, share: float = 1.0) -> Tensor:
        return self.heard * super().forward(losses, share=share)

    def end_epoch(self, losses: Mapping[str, float]) -> None:
        self.heard += losses["intent"]


BROKEN: dict[str, type[Good]] = {
    "total": Overflows,
    "gradients": ForgetsAHead,
    "pieces": RegularisesEachPiece,
    "one-head": WantsTwoHeads,
    "forward-remembers-nothing": CountsSteps,
    "saved-and-loaded": KeepsAnAttribute,
}


def spec(params: Any, balancing: type[Good]) -> BalancingSpec[Any]:
    return BalancingSpec(name="stub", summary="A stub.", params=params, build=lambda *_: balancing())


def test_the_good_one_keeps_it(stub_plugin: Any, violations: Any) -> None:
    assert violations(spec(stub_plugin.StubParams, Good)) == {}


@pytest.mark.parametrize("clause", BROKEN)
def test_a_broken_one_is_found(clause: str, stub_plugin: Any, assert_breaks: Any) -> None:
    assert_breaks(spec(stub_plugin.StubParams, BROKEN[clause]), clause)


def test_every_clause_has_a_broken_one(own_clauses: Any) -> None:
    assert set(BROKEN) == own_clauses("balancing")
