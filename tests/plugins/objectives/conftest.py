"""An objective on files, with the contract kit's tiny encoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.config.components import build_nested, resolve_component
from nlu_kit.corpus.read import read_any
from nlu_kit.plugin.contracts import BackboneContext
from nlu_kit.plugin.modules import Backbone
from nlu_kit.plugin.objectives import ObjectiveContext
from nlu_kit.registry import Registry

MakeObjective = Callable[..., Any]


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry.load()


@pytest.fixture
def encoder() -> Any:
    from nlu_kit.testing.parts import TinyEncoder

    return TinyEncoder()


@pytest.fixture
def context(tmp_path: Path, registry: Registry, encoder: Any) -> ObjectiveContext:
    """What an objective is made with; paths start at ``tmp_path``."""

    def model(path: Path) -> Backbone:
        raise AssertionError(f"no trained model was asked for: {path}")

    return ObjectiveContext(
        name="mine",
        encoder=encoder,
        seed=1,
        path=lambda path: tmp_path / path,
        read=lambda path: read_any(path, registry),
        backbone=lambda part: build_nested(registry, "backbone", part, BackboneContext(base_dir=tmp_path)),
        model=model,
    )


@pytest.fixture
def make(registry: Registry, context: ObjectiveContext) -> MakeObjective:
    """``make("triplet", train=["a.csv"])``: the objective."""

    def built(kind: str, **params: Any) -> Any:
        return resolve_component(registry, "objective", {"type": kind, **params}).make(context)

    return built
