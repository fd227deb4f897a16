"""A full set of stub components, so that each hook's test only writes the one that it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.config.check import resolve
from nlu_kit.config.pipeline import Pipeline
from nlu_kit.plugin import specs
from nlu_kit.plugin.hooks import hookimpl
from nlu_kit.registry import Registry


class StubParams(specs.Params):
    size: int = 3


def never(*_: object) -> Any:
    raise AssertionError("checking a pipeline must build nothing")


def common(name: str) -> dict[str, Any]:
    return {"name": name, "summary": f"The {name}.", "params": StubParams, "default": True}


class Defaults:
    """One component of each kind that a pipeline needs, each the default."""

    NLU_KIT_CONTRACT = 2

    @hookimpl
    def nlu_kit_backbones(self) -> list[Any]:
        return [specs.BackboneSpec(**common("stub_backbone"), build=never)]

    @hookimpl
    def nlu_kit_heads(self) -> list[Any]:
        return [specs.HeadSpec(**common("stub_head"), build=never, codec=never, fit=never)]

    @hookimpl
    def nlu_kit_losses(self) -> list[Any]:
        return [specs.LossSpec(**common("stub_loss"), build=never)]

    @hookimpl
    def nlu_kit_balancing(self) -> list[Any]:
        return [specs.BalancingSpec(**common("stub_balancing"), build=never)]

    @hookimpl
    def nlu_kit_samplers(self) -> list[Any]:
        return [specs.SamplerSpec(**common("stub_sampler"), build=never)]

    @hookimpl
    def nlu_kit_freezing_strategies(self) -> list[Any]:
        return [specs.FreezingSpec(**common("stub_freezing"), build=never)]


Resolve = Callable[[object, Mapping[str, Any]], Pipeline]


@pytest.fixture
def resolve_with() -> Resolve:
    """``resolve_with(plugin, sections)``: the pipeline that the stubs and ``plugin`` together make of ``sections``."""

    def run(plugin: object, sections: Mapping[str, Any]) -> Pipeline:
        registry = Registry.of({"defaults": Defaults(), "mine": plugin})
        return resolve({"data": {"train": "train.jsonl"}, **sections}, base_dir=Path(), registry=registry)

    return run
