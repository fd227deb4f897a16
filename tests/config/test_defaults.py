"""A section without ``type`` means what its absence would mean: this is how ``--set`` sets a default's parameter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlu_kit.config.check import resolve
from nlu_kit.config.load import apply_overrides, fill_types
from nlu_kit.errors import ConfigError
from nlu_kit.registry import Registry

DATA = {"train": "train.jsonl"}


def overridden(registry: Registry, *overrides: str, **sections: Any) -> Any:
    raw = apply_overrides({"data": DATA, **sections}, overrides)
    return resolve(raw, base_dir=Path(), registry=registry).to_json()


@pytest.mark.parametrize("kind", ["backbone", "balancing", "sampler", "freezing"])
def test_the_default_of_the_kind(registry: Registry, kind: str) -> None:
    (default,) = registry.defaults(kind)
    assert fill_types({kind: {"x": 1}}, registry)[kind] == {"type": default.spec.name, "x": 1}


def test_a_parameter_of_an_absent_section() -> None:
    """With what the project bundles."""
    registry = Registry.load()
    resolved = overridden(registry, "freezing.encoder_lr=1e-4", "sampler.base.type=random")
    assert resolved["freezing"]["type"] == registry.default("freezing").spec.name
    assert resolved["freezing"]["encoder_lr"] == 1e-4
    assert resolved["sampler"]["base"] == {"type": "random"}


def test_a_head_takes_the_type_of_its_own_name_and_stands_alone(registry: Registry) -> None:
    resolved = overridden(registry, "heads.scores.loss=scored")
    assert resolved["heads"] == {"scores": {"type": "scores", "loss": {"type": "scored"}}}


def test_a_loss_takes_the_default_of_its_head_or_of_its_kind(registry: Registry) -> None:
    heads = {"a": {"type": "scores", "loss": {}}, "b": {"type": "plain", "loss": {}}}
    resolved = overridden(registry, heads=heads)["heads"]
    assert [resolved[name]["loss"]["type"] for name in "ab"] == ["scored", "plain"]


def test_a_head_of_another_name_needs_its_type(registry: Registry) -> None:
    with pytest.raises(ConfigError) as caught:
        overridden(registry, "heads.mood.loss=plain")
    problems = {problem.path: problem for problem in caught.value.problems}
    assert set(problems) == {"heads.mood.type"}
    assert "installed: own, plain, scores" in problems["heads.mood.type"].hint


def test_without_a_default_the_type_is_asked_for() -> None:
    with pytest.raises(ConfigError, match=r"sampler\.type: a sampler is"):
        overridden(Registry.of({}), "sampler.strength=2")


def test_a_type_that_is_wrong_stays_wrong_and_nothing_else_is_touched(registry: Registry) -> None:
    raw = {"sampler": {"type": None}, "freezing": None, "heads": {"plain": "plain"}, "data": 3, "name": "x"}
    assert fill_types(raw, registry) == raw
