"""The ways to add losses."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from nlu_kit.errors import ConfigError
from nlu_kit.plugin.contracts import BalancingContext
from nlu_kit.plugin.modules import Balancing
from nlu_kit.registry import Registry
from nlu_kit.training.checkpoint import Best, Checkpoint


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
    assert build("uncertainty")(given).item() == 5
    assert build("dynamic_weight_average")(given).item() == 5


def test_only_uncertainty_has_parameters_to_train() -> None:
    assert list(build("sum").parameters()) == list(build("weighted", weights={}).parameters()) == []
    assert list(build("dynamic_weight_average").parameters()) == []
    assert sum(parameter.numel() for parameter in build("uncertainty").parameters()) == 3


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


# --- uncertainty ------------------------------------------------------------------------------------------------------


def test_uncertainty_begins_as_the_sum_and_pulls_on_losses_and_variances() -> None:
    given, balancing = losses(), build("uncertainty")
    total = balancing(given)
    total.backward()
    assert total.item() == 10
    assert [loss.grad.item() for loss in given.values() if loss.grad is not None] == [1, 1, 1]
    # the derivative of exp(-s)·L + s/2 at s = 0
    assert balancing.get_parameter("log_variances").grad.tolist() == [0.5 - 2, 0.5 - 3, 0.5 - 5]  # type: ignore[union-attr]


def test_uncertainty_weighs_by_the_variances() -> None:
    given, balancing = losses(), build("uncertainty")
    with torch.no_grad():
        balancing.get_parameter("log_variances").copy_(torch.tensor([0.0, math.log(2), -1.0]))
    total = balancing(given)
    total.backward()
    assert total.item() == pytest.approx(2 + 3 / 2 + 5 * math.e + (0 + math.log(2) - 1) / 2)
    gradients = [loss.grad.item() for loss in given.values() if loss.grad is not None]
    assert gradients == pytest.approx([1, 1 / 2, math.e])


def test_the_best_variance_is_twice_the_loss() -> None:
    balancing = build("uncertainty")
    optimiser = torch.optim.SGD(balancing.parameters(), lr=0.2)
    for _ in range(300):
        optimiser.zero_grad()
        balancing({name: loss.detach() for name, loss in losses().items()}).backward()
        optimiser.step()
    assert balancing.get_parameter("log_variances").exp().tolist() == pytest.approx([4, 6, 10], rel=1e-3)


def test_pieces_of_a_batch_add_up_to_the_whole() -> None:
    whole, cut = build("uncertainty"), build("uncertainty")
    for balancing in (whole, cut):
        with torch.no_grad():
            balancing.get_parameter("log_variances").copy_(torch.tensor([0.3, -0.7, 1.1]))
    total = whole(losses())
    total.backward()
    shares = (0.5, 0.25, 0.25)
    pieces = [cut({name: share * loss for name, loss in losses().items()}, share=share) for share in shares]
    torch.stack(pieces).sum().backward()
    assert sum(piece.item() for piece in pieces) == pytest.approx(total.item())
    gradients = [balancing.get_parameter("log_variances").grad for balancing in (whole, cut)]
    torch.testing.assert_close(gradients[0], gradients[1])


# --- dynamic weight average -------------------------------------------------------------------------------------------


def weights_of(balancing: Balancing) -> list[float]:
    """What each head's loss is multiplied with: the gradients."""
    given = losses()
    balancing(given).backward()
    return [loss.grad.item() for loss in given.values() if loss.grad is not None]


@pytest.mark.parametrize("temperature", [2.0, 0.5])
def test_dynamic_weights_by_hand(temperature: float) -> None:
    balancing = build("dynamic_weight_average", temperature=temperature)
    seen = [weights_of(balancing)]
    for epoch in ({"intent": 4.0, "ner": 2.0, "tone": 1.0}, {"intent": 1.0, "ner": 1.0, "tone": 1.0}):
        balancing.end_epoch(epoch)
        seen.append(weights_of(balancing))
    assert seen[:2] == [[1, 1, 1], [1, 1, 1]]
    powers = [math.exp(ratio / temperature) for ratio in (1 / 4, 1 / 2, 1 / 1)]
    assert seen[2] == pytest.approx([3 * power / sum(powers) for power in powers])
    assert seen[2] == sorted(seen[2])
    balancing.end_epoch({"intent": 0.5, "ner": 0.5, "tone": 0.5})
    assert weights_of(balancing) == pytest.approx([1, 1, 1])


def test_dynamic_weights_take_any_loss() -> None:
    balancing = build("dynamic_weight_average")
    for epoch in ({"intent": 0.0, "ner": 1e-30, "tone": 1.0}, {"intent": 0.0, "ner": 1e8, "tone": 1.0}):
        balancing.end_epoch(epoch)
    assert sum(weights_of(balancing)) == pytest.approx(3)
    missing = build("dynamic_weight_average")
    for loss in (2.0, 1.0):
        missing.end_epoch({"intent": loss, "ner": loss})
    powers = [math.exp(0.25), math.exp(0.25), math.exp(0.5)]  # a head without a loss counts as one whose loss stays
    assert weights_of(missing) == pytest.approx([3 * power / sum(powers) for power in powers])


def test_a_temperature_is_positive() -> None:
    with pytest.raises(ValidationError):
        build("dynamic_weight_average", temperature=0)


# --- state ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["uncertainty", "dynamic_weight_average"])
def test_a_checkpoint_holds_the_state(name: str, tmp_path: Path) -> None:
    trained, fresh = build(name), build(name)
    for epoch in ({"intent": 4.0, "ner": 2.0, "tone": 1.0}, {"intent": 1.0, "ner": 1.0, "tone": 1.0}):
        trained.end_epoch(epoch)
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.copy_(torch.tensor([0.1, 0.2, 0.3]))
    checkpoint = Checkpoint(tmp_path)
    checkpoint.start(trained)
    checkpoint.save(trained, Best(epoch=1, dev={}))
    expected = weights_of(trained)
    assert weights_of(fresh) != expected
    checkpoint.restore(fresh)
    assert weights_of(fresh) == expected
    for balancing in (trained, fresh):
        balancing.end_epoch({"intent": 1.0, "ner": 0.5, "tone": 0.1})
    assert weights_of(fresh) == weights_of(trained)
