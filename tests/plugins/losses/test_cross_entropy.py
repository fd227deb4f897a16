"""The plain loss, held against torch's own mean."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as F

from nlu_kit.data.labels import IGNORE, LabelSpace
from nlu_kit.heads.modules import Loss
from nlu_kit.plugin.contracts import LossContext
from nlu_kit.registry import Registry


def build(**options: object) -> Loss:
    spec = Registry.load().get("loss", "cross_entropy").spec
    context = LossContext(head="intent", labels=LabelSpace(tuple("abcde")), class_counts=np.ones(5))
    return spec.build(spec.params(**options), context)


def sample(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(*shape, 5, generator=generator)
    labels = torch.randint(0, 5, shape, generator=generator)
    labels.view(-1)[::3] = IGNORE
    return logits, labels


@pytest.mark.parametrize("shape", [(7,), (4, 6)], ids=["sentence", "token"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_equals_torchs_mean(shape: tuple[int, ...], smoothing: float) -> None:
    loss = build(label_smoothing=smoothing)
    logits, labels = sample(*shape)
    targets = {"labels": labels}
    mean = loss({"logits": logits}, targets) / loss.denominator(targets)
    expected = F.cross_entropy(logits.reshape(-1, 5), labels.reshape(-1), label_smoothing=smoothing)
    torch.testing.assert_close(mean, expected)


def test_sums_add_up_however_the_batch_is_cut() -> None:
    loss = build()
    logits, labels = sample(4, 6)
    whole = loss({"logits": logits}, {"labels": labels})
    parts = sum(loss({"logits": logits[i : i + 1]}, {"labels": labels[i : i + 1]}) for i in range(4))
    torch.testing.assert_close(whole, parts)


@pytest.mark.parametrize("shape", [(3,), (2, 4), (0,), (0, 4)])
def test_without_targets_the_sum_and_its_gradient_are_zero(shape: tuple[int, ...]) -> None:
    loss = build(label_smoothing=0.1)
    logits = torch.randn(*shape, 5, requires_grad=True)
    targets = {"labels": torch.full(shape, IGNORE)}
    total = loss({"logits": logits}, targets)
    total.backward()
    assert total.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()
    assert loss.denominator(targets).item() == 0


def test_is_computed_in_float32() -> None:
    logits, labels = sample(2, 300)
    low = logits.to(torch.bfloat16)
    total = build()({"logits": low}, {"labels": labels})
    assert total.dtype == torch.float32
    torch.testing.assert_close(total, build()({"logits": low.float()}, {"labels": labels}))


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_smoothing_out_of_range_is_refused(smoothing: float) -> None:
    with pytest.raises(ValidationError):
        build(label_smoothing=smoothing)


def test_label_smoothing_is_cross_entropy_with_another_default() -> None:
    logits, labels = sample(7)
    spec = Registry.load().get("loss", "label_smoothing").spec
    context = LossContext(head="intent", labels=LabelSpace(tuple("abcde")), class_counts=np.ones(5))
    smoothed = spec.build(spec.params(), context)({"logits": logits}, {"labels": labels})
    torch.testing.assert_close(smoothed, build(label_smoothing=0.1)({"logits": logits}, {"labels": labels}))
    assert smoothed != build()({"logits": logits}, {"labels": labels})


def test_is_the_default_loss() -> None:
    assert Registry.load().get("loss", "cross_entropy").spec.default
    assert not Registry.load().get("loss", "weighted_cross_entropy").spec.default
