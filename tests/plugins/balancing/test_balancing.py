"""The two ways to add losses."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from nlu_kit.errors import ConfigError
from nlu_kit.model.protocols import Balancing
from nlu_kit.registry import Registry
from nlu_kit.specs import BalancingContext


def build(name: str, **options: object) -> Balancing:
    spec = Registry.load().get("balancing", name).spec
    return spec.build(spec.params(**options), BalancingContext(heads=("intent", "ner", "tone")))


def losses() -> dict[str, torch.Tensor]:
    values = {"intent": 2.0, "ner": 3.0, "tone": 5.0}
    return {name: torch.tensor(value, requires_grad=True) for name, value in values.items()}


def test_sum() -> None:
    given = losses()
    total = build("sum")(given)
    total.backward()
    assert total.shape == ()
    assert total.item() == 10
    assert [loss.grad.item() for loss in given.values() if loss.grad is not None] == [1, 1, 1]


def test_weighted_multiplies_and_leaves_unnamed_heads_at_one() -> None:
    given = losses()
    total = build("weighted", weights={"ner": 4, "tone": 0.5})(given)
    total.backward()
    assert total.item() == 2 + 12 + 2.5
    assert [loss.grad.item() for loss in given.values() if loss.grad is not None] == [1, 4, 0.5]


def test_a_head_without_targets_may_be_left_out() -> None:
    given = losses()
    del given["tone"]
    assert build("sum")(given).item() == 5
    assert build("weighted", weights={"ner": 4, "tone": 9})(given).item() == 14


def test_neither_has_parameters_to_train() -> None:
    assert list(build("sum").parameters()) == list(build("weighted", weights={}).parameters()) == []


def test_every_unknown_head_is_named_with_what_is_allowed() -> None:
    with pytest.raises(ConfigError) as caught:
        build("weighted", weights={"intnet": 2, "qqq": 1, "ner": 1})
    assert [problem.path for problem in caught.value.problems] == ["balancing.weights.intnet", "balancing.weights.qqq"]
    assert "did you mean 'intent'?" in str(caught.value)
    assert "its heads: intent, ner, tone" in str(caught.value)


@pytest.mark.parametrize("weight", [0, -1, float("inf"), float("nan"), "heavy"])
def test_a_weight_is_a_positive_number(weight: object) -> None:
    with pytest.raises(ValidationError):
        build("weighted", weights={"ner": weight})


def test_weighted_needs_weights() -> None:
    with pytest.raises(ValidationError, match="weights"):
        build("weighted")


def test_sum_is_the_default() -> None:
    assert Registry.load().default("balancing").spec.name == "sum"
