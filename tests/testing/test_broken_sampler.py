"""Each clause of a sampler's contract can fail."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from nlu_kit.plugin.contracts import Sampler, SamplerContext
from nlu_kit.plugin.specs import SamplerSpec


class Good(Sampler):
    """Every example once, shuffled."""

    def __init__(self, context: SamplerContext) -> None:
        self.count, self.size, self.seed = len(context.examples), context.batch_size, context.seed

    def draw(self, epoch: int) -> np.ndarray:
        return np.random.default_rng([self.seed, epoch]).permutation(self.count)

    def batches(self, epoch: int) -> Iterable[Sequence[int]]:
        order = self.draw(epoch)
        return [order[start : start + self.size].tolist() for start in range(0, len(order), self.size)]

    def order(self, epoch: int) -> np.ndarray:
        return np.array([index for batch in self.batches(epoch) for index in batch], dtype=np.int64)

    def describe(self) -> Mapping[str, float]:
        return {"share": 0.5}


class CountsFromOne(Good):
    def draw(self, epoch: int) -> np.ndarray:
        return super().draw(epoch) + (1 if self.count > 5 else 0)


class DropsTheLastBatch(Good):
    def batches(self, epoch: int) -> Iterable[Sequence[int]]:
        return [batch for batch in super().batches(epoch) if len(batch) == self.size]


class OrdersOtherwise(Good):
    def order(self, epoch: int) -> np.ndarray:
        return np.sort(super().order(epoch))


class ReadsTheGlobalState(Good):
    def draw(self, epoch: int) -> np.ndarray:
        shuffled = list(range(self.count))
        random.Random(f"{epoch} {random.getstate()}").shuffle(shuffled)
        return np.array(shuffled)


class DrawsFromTheGlobalState(Good):
    """As many do; within one sampler it is kept, but each process would have its own."""

    def __init__(self, context: SamplerContext) -> None:
        super().__init__(context)
        self.kept: dict[int, np.ndarray] = {}

    def draw(self, epoch: int) -> np.ndarray:
        if epoch not in self.kept:
            self.kept[epoch] = np.random.permutation(self.count)
        return self.kept[epoch]


class SeedsTheGlobalState(Good):
    def draw(self, epoch: int) -> np.ndarray:
        np.random.seed(self.seed + epoch)
        return np.random.permutation(self.count)


class DividesByNothing(Good):
    def describe(self) -> Mapping[str, float]:
        return {"share": math.nan}


class NeverDrawsSome(Good):
    def likelihoods(self) -> np.ndarray:
        return np.arange(self.count) % 2


BROKEN: dict[str, type[Good]] = {
    "likelihoods": NeverDrawsSome,
    "batches-of-examples": CountsFromOne,
    "any-size": DropsTheLastBatch,
    "order-of-batches": OrdersOtherwise,
    "reproducible": ReadsTheGlobalState,
    "leaves-random-states": SeedsTheGlobalState,
    "describe": DividesByNothing,
}


def spec(params: Any, sampler: type[Good]) -> SamplerSpec[Any]:
    return SamplerSpec(name="stub", summary="A stub.", params=params, build=lambda _, context: sampler(context))


def test_the_good_one_keeps_it(stub_plugin: Any, violations: Any) -> None:
    assert violations(spec(stub_plugin.StubParams, Good)) == {}


@pytest.mark.parametrize("clause", BROKEN)
def test_a_broken_one_is_found(clause: str, stub_plugin: Any, assert_breaks: Any) -> None:
    assert_breaks(spec(stub_plugin.StubParams, BROKEN[clause]), clause)


def test_one_that_draws_from_the_global_state_is_neither_reproducible_nor_harmless(
    stub_plugin: Any, assert_breaks: Any
) -> None:
    broken = spec(stub_plugin.StubParams, DrawsFromTheGlobalState)
    assert_breaks(broken, "reproducible", also=("leaves-random-states",))


def test_every_clause_has_a_broken_one(own_clauses: Any) -> None:
    assert set(BROKEN) == own_clauses("sampler")
