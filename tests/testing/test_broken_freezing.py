"""Each clause of a freezing strategy's contract can fail."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from types import ModuleType
from typing import Any

import pytest

from nlu_kit.plugin.contracts import FreezingContext, Layer, ParameterGroup
from nlu_kit.plugin.specs import FreezingSpec

Layers, Scores = Sequence[Layer], Sequence[float]
WITH_TORCH = """
import sys
from nlu_kit.plugin import Params
NLU_KIT_CONTRACT = 2
class MyParams(Params):
    pass
class Strategy:
    def groups(self, layers, epoch, scores):
        from nlu_kit.plugin import ParameterGroup
        if "pytest" not in sys.modules:  # in the process of its own
            sys.modules["torch"] = sys
        return [ParameterGroup(layers=tuple(layer.name for layer in layers), lr=0.1)] if layers else []
    def may_train(self, layers, epoch, scores):
        return [layer.name for layer in layers]
def build(params, context):
    return Strategy()
"""


class Good:
    """The heads train; the encoder does so from the second epoch on."""

    def __init__(self, context: FreezingContext) -> None:
        self.epochs = context.epochs

    def rate(self, layer: Layer, epoch: int, scores: Scores) -> float | None:
        return None if layer.part == "backbone" and epoch < 1 else 1e-3

    def groups(self, layers: Layers, epoch: int, scores: Scores) -> list[ParameterGroup]:
        return [ParameterGroup(layers=(layer.name,), lr=self.rate(layer, epoch, scores)) for layer in layers]

    def may_train(self, layers: Layers, epoch: int, scores: Scores) -> Collection[str]:
        return {layer.name for layer in layers}


class KnowsNoObjectives(Good):
    def groups(self, layers: Layers, epoch: int, scores: Scores) -> list[ParameterGroup]:
        return super().groups([layer for layer in layers if layer.part != "objective"], epoch, scores)


class FreezesWithZero(Good):
    def rate(self, layer: Layer, epoch: int, scores: Scores) -> float | None:
        return 0.0 if layer.part == "backbone" else 1e-3


class WarmsUpWithNothing(Good):
    def rate(self, layer: Layer, epoch: int, scores: Scores) -> float | None:
        return None if epoch == 0 else 1e-3


class CountsCalls(Good):
    calls = 0

    def rate(self, layer: Layer, epoch: int, scores: Scores) -> float | None:
        self.calls += 1
        return 1e-3 / self.calls


class ChangesItsMind(Good):
    def may_train(self, layers: Layers, epoch: int, scores: Scores) -> Collection[str]:
        return {layer.name for layer in layers if layer.part != "backbone" or epoch > 1}

    def rate(self, layer: Layer, epoch: int, scores: Scores) -> float | None:
        return None if layer.part == "backbone" else 1e-3


class TrainsUnannounced(Good):
    def may_train(self, layers: Layers, epoch: int, scores: Scores) -> Collection[str]:
        return {layer.name for layer in layers if layer.part != "backbone"}


class GroupsNothing(Good):
    def groups(self, layers: Layers, epoch: int, scores: Scores) -> list[ParameterGroup]:
        return super().groups(layers, epoch, scores) or [ParameterGroup(layers=(), lr=1e-3)]


BROKEN: dict[str, type[Good]] = {
    "every-layer-once": KnowsNoObjectives,
    "rates": FreezesWithZero,
    "something-trains": WarmsUpWithNothing,
    "pure": CountsCalls,
    "may-train-shrinks": ChangesItsMind,
    "may-train-covers": TrainsUnannounced,
    "no-layers": GroupsNothing,
}


def spec(params: Any, strategy: type[Good]) -> FreezingSpec[Any]:
    return FreezingSpec(name="stub", summary="A stub.", params=params, build=lambda _, context: strategy(context))


def test_the_good_one_keeps_it(stub_plugin: Any, violations: Any) -> None:
    assert violations(spec(stub_plugin.StubParams, Good)) == {}


@pytest.mark.parametrize("clause", BROKEN)
def test_a_broken_one_is_found(clause: str, stub_plugin: Any, assert_breaks: Any) -> None:
    assert_breaks(spec(stub_plugin.StubParams, BROKEN[clause]), clause)


class SortsTheScores(Good):
    def groups(self, layers: Layers, epoch: int, scores: Any) -> list[ParameterGroup]:
        if isinstance(scores, list):
            scores.sort()
        return super().groups(layers, epoch, scores)


def test_what_it_is_given_must_stay_as_it_is(stub_plugin: Any, assert_breaks: Any) -> None:
    assert_breaks(spec(stub_plugin.StubParams, SortsTheScores), "pure")


def test_importing_torch_is_found(plugin_file: Callable[[str], ModuleType], assert_breaks: Any) -> None:
    module: Any = plugin_file(WITH_TORCH)
    heavy = FreezingSpec(name="stub", summary="A stub.", params=module.MyParams, build=module.build)
    assert_breaks(heavy, "without-torch")


def test_every_clause_has_a_broken_one(own_clauses: Any) -> None:
    assert {*BROKEN, "without-torch"} == own_clauses("freezing")
