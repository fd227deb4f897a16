"""Focal loss, held against the formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from nlu_kit.data.labels import IGNORE, LabelSpace
from nlu_kit.errors import ConfigError
from nlu_kit.heads.modules import Loss
from nlu_kit.plugin.contracts import LossContext
from nlu_kit.registry import Registry

LABELS = LabelSpace(("O", "city", "date"))
COUNTS = np.array([400, 16, 4])


def build(name: str = "focal", **options: object) -> Loss:
    spec = Registry.load().get("loss", name).spec
    return spec.build(spec.params(**options), LossContext(head="ner", labels=LABELS, class_counts=COUNTS))


def sample(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    logits = 3 * torch.randn(*shape, 3, generator=generator)
    labels = torch.randint(0, 3, shape, generator=generator)
    labels.view(-1)[::3] = IGNORE
    return logits, labels


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("weighting", ["none", "balanced"])
def test_is_the_papers_formula(gamma: float, weighting: str) -> None:
    loss = build(gamma=gamma, weighting=weighting)
    logits, labels = sample(4, 6)
    raw = np.exp(logits.double().numpy())
    weights = np.ones(3) if weighting == "none" else (1 / COUNTS) / (1 / COUNTS).mean()
    total = weight = 0.0
    for position in np.ndindex(4, 6):
        label = int(labels[position])
        if label != IGNORE:
            p = raw[position][label] / raw[position].sum()
            total += -weights[label] * (1 - p) ** gamma * np.log(p)
            weight += weights[label]
    assert loss({"logits": logits}, {"labels": labels}).item() == pytest.approx(total, rel=1e-4)
    assert loss.denominator({"labels": labels}).item() == pytest.approx(weight, rel=1e-5)


@pytest.mark.parametrize("weighting", ["none", "sqrt"])
def test_at_gamma_zero_it_is_cross_entropy(weighting: str) -> None:
    logits, labels = sample(4, 6)
    focal, plain = build(gamma=0, weighting=weighting), build("weighted_cross_entropy", weighting=weighting)
    arguments = {"logits": logits}, {"labels": labels}
    torch.testing.assert_close(focal(*arguments), plain(*arguments))
    torch.testing.assert_close(focal.denominator(arguments[1]), plain.denominator(arguments[1]))


def test_easy_targets_count_less() -> None:
    easy, hard = torch.tensor([[4.0, 0, 0]]), torch.tensor([[0.0, 1, 0]])
    labels = {"labels": torch.tensor([0])}
    ratios = [build(gamma=g)({"logits": easy}, labels) / build(gamma=g)({"logits": hard}, labels) for g in (0, 1, 2)]
    assert ratios[0] > 10 * ratios[1] > 100 * ratios[2] > 0


def test_sums_add_up_however_the_batch_is_cut() -> None:
    loss = build()
    logits, labels = sample(4, 6)
    whole = loss({"logits": logits}, {"labels": labels})
    parts = sum(loss({"logits": logits[i : i + 1]}, {"labels": labels[i : i + 1]}) for i in range(4))
    torch.testing.assert_close(whole, parts)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradients_are_finite_and_reach_no_masked_target(gamma: float) -> None:
    logits = torch.tensor([[200.0, 0, 0], [-200, 0, 0], [0, 0, 0], [1, 2, 3]], requires_grad=True)
    build(gamma=gamma)({"logits": logits}, {"labels": torch.tensor([0, 0, 1, IGNORE])}).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert not logits.grad[3].any()
    assert logits.grad[1].abs().max() > 0.9  # plainly wrong: the whole gradient of cross-entropy


@pytest.mark.parametrize("shape", [(3,), (0, 4)])
def test_without_targets_the_sum_and_its_gradient_are_zero(shape: tuple[int, ...]) -> None:
    loss = build()
    logits = torch.randn(*shape, 3, requires_grad=True)
    targets = {"labels": torch.full(shape, IGNORE)}
    total = loss({"logits": logits}, targets)
    total.backward()
    assert total.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()
    assert loss.denominator(targets).item() == 0


def test_is_computed_in_float32_also_under_autocast() -> None:
    logits, labels = sample(2, 300)
    low = logits.to(torch.bfloat16)
    loss = build(weighting="balanced")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        total = loss({"logits": low}, {"labels": labels})
    assert total.dtype == torch.float32
    torch.testing.assert_close(total, loss({"logits": low.float()}, {"labels": labels}))


def test_weights_by_hand_and_bad_parameters() -> None:
    logits, labels = torch.zeros(1, 3), torch.tensor([1])
    double = build(weights={"city": 2})({"logits": logits}, {"labels": labels})
    assert double == pytest.approx(2 * build()({"logits": logits}, {"labels": labels}).item())
    with pytest.raises(ConfigError, match="did you mean 'city'"):
        build(weights={"ctiy": 2})
    with pytest.raises(ValidationError):
        build(gamma=-1)
