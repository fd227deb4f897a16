"""A small registry with every case that the checker and the schema must handle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from nlu_kit import plugin
from nlu_kit.config.check import resolve
from nlu_kit.errors import ConfigError, Problem
from nlu_kit.plugin.hooks import hookimpl
from nlu_kit.registry import Registry


class Plain(plugin.Params):
    pass


class Inner(BaseModel):
    depth: int = 1


class Rich(plugin.Params):
    rate: float = Field(gt=0, description="How fast.")
    mode: Literal["a", "b"] = Field(default="a", description="Which way.")
    sizes: tuple[int, ...] = (1, 2)
    inner: Inner = Inner()
    flag: bool = False


class Part(plugin.Component):
    """A component with two more keys in its section."""

    share: float = Field(default=1.0, gt=0)
    more: Inner | None = None


class Wrapping(plugin.Params):
    base: Annotated[plugin.Component, plugin.Nested("sampler")] = Field(
        default=plugin.Component(type="plain"), description="The sampler inside."
    )
    others: Annotated[list[plugin.Component], plugin.Nested("sampler")] = Field(default=[])
    maybe: Annotated[plugin.Component, plugin.Nested("loss")] | None = None
    parts: Annotated[list[Part], plugin.Nested("sampler")] = Field(default=[])


def spec(cls: Any, name: str, params: Any = Plain, **more: Any) -> Any:
    return cls(name=name, summary=f"The {name}.", params=params, build=None, **more)


def head(name: str, **more: Any) -> Any:
    return spec(plugin.HeadSpec, name, codec=None, **more)


class Stubs:
    NLU_KIT_CONTRACT = 2

    @hookimpl
    def nlu_kit_backbones(self) -> list[Any]:
        return [spec(plugin.BackboneSpec, "plain", default=True), spec(plugin.BackboneSpec, "rich", Rich)]

    @hookimpl
    def nlu_kit_heads(self) -> list[Any]:
        return [
            head("plain", default=True),
            head("scores", produces="scores", default_loss="scored"),
            head("own", produces="own_loss"),
        ]

    @hookimpl
    def nlu_kit_losses(self) -> list[Any]:
        scored = spec(plugin.LossSpec, "scored", consumes=frozenset({"scores"}))
        return [spec(plugin.LossSpec, "plain", default=True), spec(plugin.LossSpec, "rich", Rich), scored]

    @hookimpl
    def nlu_kit_balancing(self) -> list[Any]:
        return [spec(plugin.BalancingSpec, "plain", default=True)]

    @hookimpl
    def nlu_kit_samplers(self) -> list[Any]:
        wrapping = spec(plugin.SamplerSpec, "wrapping", Wrapping)
        return [spec(plugin.SamplerSpec, "plain", default=True), spec(plugin.SamplerSpec, "rich", Rich), wrapping]

    @hookimpl
    def nlu_kit_freezing_strategies(self) -> list[Any]:
        return [spec(plugin.FreezingSpec, "odd name/50%~", default=True)]

    @hookimpl
    def nlu_kit_readers(self) -> list[Any]:
        return [plugin.ReaderSpec(name="plain", summary="Plain.", params=Plain, read=None, detect=None)]  # type: ignore[arg-type]


@pytest.fixture
def registry() -> Registry:
    return Registry.of({"stubs": Stubs()})


@pytest.fixture
def problems(registry: Registry) -> Callable[..., dict[str, Problem]]:
    """``problems(sampler=…)``: what is wrong with a pipeline of these sections, by path."""

    def check(*, base_dir: Path = Path(), check_files: bool = False, **sections: Any) -> dict[str, Problem]:
        raw = {"data": {"train": "train.jsonl"}, **sections}
        try:
            resolve(raw, base_dir=base_dir, registry=registry, check_files=check_files)
        except ConfigError as error:
            return {problem.path: problem for problem in error.problems}
        return {}

    return check
