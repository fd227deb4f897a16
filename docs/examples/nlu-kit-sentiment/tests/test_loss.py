"""The loss knows an order, and the layer starts in it."""

from __future__ import annotations

import torch

from nlu_kit_sentiment.head import OrdinalLayer
from nlu_kit_sentiment.loss import CumulativeLoss


def loss(logits: list[float], label: int) -> float:
    targets = {"labels": torch.tensor([label])}
    return float(CumulativeLoss()({"cumulative": torch.tensor([logits])}, targets))


def test_further_off_costs_more() -> None:
    five_stars = [4.0, 4.0, 4.0, 4.0]
    costs = [loss(five_stars, label) for label in (4, 3, 2, 1, 0)]
    assert costs == sorted(costs)
    assert costs[1] - costs[0] > 3


def test_what_has_no_stars_costs_nothing() -> None:
    targets = {"labels": torch.tensor([-100, 2, -100])}
    outputs = {"cumulative": torch.zeros(3, 4, requires_grad=True)}
    assert CumulativeLoss().denominator(targets) == 1
    CumulativeLoss()(outputs, targets).backward()
    gradient = outputs["cumulative"].grad
    assert gradient is not None
    assert gradient[[0, 2]].abs().sum() == 0
    assert gradient[1].tolist() == [-0.5, -0.5, 0.5, 0.5]


def test_biases_start_in_order_and_around_zero() -> None:
    biases = OrdinalLayer(8, 5).biases.detach()
    assert (biases[:-1] > biases[1:]).all()
    assert biases.sum().abs() < 1e-6
    assert OrdinalLayer(8, 2).biases.tolist() == [0.0]
