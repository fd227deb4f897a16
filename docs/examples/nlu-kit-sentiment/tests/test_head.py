"""The loss knows an order, and the head starts in it."""

from __future__ import annotations

import torch

from nlu_kit.plugin import Encoded, HeadContext, LabelSpace
from nlu_kit_sentiment import SentimentParams
from nlu_kit_sentiment.head import CumulativeLoss, SentimentHead


def head(steps: int) -> SentimentHead:
    labels = LabelSpace(tuple(map(str, range(steps))))
    return SentimentHead(SentimentParams(), HeadContext(name="mine", width=8, labels=labels)).eval()


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
    biases = head(5).biases.detach()
    assert (biases[:-1] > biases[1:]).all()
    assert biases.sum().abs() < 1e-6
    assert head(2).biases.tolist() == [0.0]


def test_logits_are_the_steps_probabilities_even_where_answers_contradict_each_other() -> None:
    mine = head(4)
    with torch.no_grad():
        mine.biases.copy_(torch.tensor([2.0, -2.0, 8.0]))
        vectors = torch.zeros(1, 1, 8)
        outputs = mine(Encoded(vectors, vectors[:, 0], torch.ones(1, 1, dtype=torch.bool)))
    steps = outputs["logits"].exp()[0]
    assert steps.sum().item() == 1
    assert torch.allclose(steps, torch.tensor([0.1192, 0.7616, 0.0, 0.1192]), atol=1e-4)
