"""Strategies and models for them; pure functions, so no torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nlu_kit.config.components import build_nested
from nlu_kit.params import Component
from nlu_kit.plugin.contracts import Freezing, FreezingContext, Layer
from nlu_kit.registry import Registry

REGISTRY = Registry.load()


@pytest.fixture(scope="session")
def build() -> Callable[..., Freezing]:
    """``build("freeze_lower", layers=2)``: the strategy, for a run of ``epochs`` (10) epochs."""

    def build(name: str, epochs: int = 10, **options: Any) -> Freezing:
        context = FreezingContext(epochs=epochs, nested=lambda component: make(component))

        def make(component: Component) -> Freezing:
            strategy: Freezing = build_nested(REGISTRY, "freezing", component, context)
            return strategy

        return make(Component.model_validate({"type": name, **options}))

    return build


@pytest.fixture(scope="session")
def model() -> Callable[..., list[Layer]]:
    """``model(4)``: embeddings, four blocks, two heads, a learnable balancing."""

    def model(blocks: int) -> list[Layer]:
        encoder = ["embeddings", *(f"layer.{number}" for number in range(blocks))]
        return [
            *(Layer(name=f"backbone.{name}", part="backbone", parameters=50) for name in encoder),
            Layer(name="heads.intent.hidden", part="head", parameters=10, head="intent"),
            Layer(name="heads.intent.classifier", part="head", parameters=5, head="intent", final=True),
            Layer(name="heads.ner.classifier", part="head", parameters=5, head="ner", final=True),
            Layer(name="balancing", part="objective", parameters=2),
        ]

    return model
