"""Parameters in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlu_kit.config.check import resolve
from nlu_kit.config.describe import describe_model, describe_parameters, example
from nlu_kit.config.schema import TrainingConfig
from nlu_kit.plugin.hooks import KINDS
from nlu_kit.registry import Registry


def test_parameters_in_words(registry: Registry) -> None:
    rate, mode, sizes, inner, flag = describe_parameters(registry.get("backbone", "rich"))
    assert (rate.type, rate.required, rate.description) == ("number > 0", True, "How fast.")
    assert (mode.type, mode.default, mode.allowed) == ('one of "a", "b"', "a", ("a", "b"))
    assert (sizes.type, sizes.default) == ("list of integer", [1, 2])
    assert (inner.type, inner.default) == ("object", {"depth": 1})
    assert (flag.type, flag.default, flag.required) == ("true or false", False, False)


def test_nested_components_are_called_by_their_kind(registry: Registry) -> None:
    types = [parameter.type for parameter in describe_parameters(registry.get("sampler", "wrapping"))]
    assert types == ["a sampler", "list of a sampler", "a loss or null", "list of a sampler"]


def test_sections_of_the_frame(registry: Registry) -> None:
    described = {parameter.name: parameter for parameter in describe_model(TrainingConfig)}
    assert described["warmup"].type == "number >= 0 and < 1"
    assert described["threads"].type == "integer >= 1 and <= 1024 or null"
    assert described["schedule"].allowed == ("cosine", "linear", "constant")
    assert all(parameter.description for parameter in described.values())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "callback"])
def test_the_example_is_a_pipeline(registry: Registry, kind: str) -> None:
    for provided in registry.all(kind):
        if any(parameter.required for parameter in describe_parameters(provided)):
            continue
        raw = {"data": {"train": "x"}, **example(provided, registry)}
        assert resolve(raw, base_dir=Path(), registry=registry)
