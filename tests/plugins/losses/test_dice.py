"""Self-adjusting dice, held against the formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from nlu_kit.data.labels import IGNORE, LabelSpace
from nlu_kit.heads.modules import Loss
from nlu_kit.plugin.contracts import LossContext
from nlu_kit.registry import Registry


def build(**options: object) -> Loss:
    spec = Registry.load().get("loss", "dice").spec
    context = LossContext(head="ner", labels=LabelSpace(("O", "city", "date")), class_counts=np.ones(3))
    return spec.build(spec.params(**options), context)


def sample(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    logits = 3 * torch.randn(*shape, 3, generator=generator)
    labels = torch.randint(0, 3, shape, generator=generator)
    labels.view(-1)[::3] = IGNORE
    return logits, labels


@pytest.mark.parametrize("alpha", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("smooth", [0.1, 1.0])
@pytest.mark.parametrize("cross_entropy", [0.0, 1.0])
def test_is_the_papers_formula_and_cross_entropy(alpha: float, smooth: float, cross_entropy: float) -> None:
    loss = build(alpha=alpha, smooth=smooth, cross_entropy=cross_entropy)
    logits, labels = sample(4, 6)
    raw = np.exp(logits.double().numpy())
    total, count = 0.0, 0
    for position in np.ndindex(4, 6):
        label = int(labels[position])
        if label == IGNORE:
            continue
        count += 1
        for c in range(3):
            p = raw[position][c] / raw[position].sum()
            y = float(c == label)
            s = (1 - p) ** alpha * p
            total += 1 - (2 * s * y + smooth) / (s + y + smooth)
            total -= cross_entropy * y * np.log(p)
    assert loss({"logits": logits}, {"labels": labels}).item() == pytest.approx(total, rel=1e-4)
    assert loss.denominator({"labels": labels}).item() == count


def test_sums_add_up_however_the_batch_is_cut() -> None:
    loss = build()
    logits, labels = sample(4, 6)
    whole = loss({"logits": logits}, {"labels": labels})
    parts = sum(loss({"logits": logits[i : i + 1]}, {"labels": labels[i : i + 1]}) for i in range(4))
    torch.testing.assert_close(whole, parts)


@pytest.mark.parametrize("alpha", [0.01, 0.5, 1.0])
def test_gradients_are_finite_and_reach_no_masked_target(alpha: float) -> None:
    logits = torch.tensor([[200.0, 0, 0], [-200, 0, 0], [0, 0, 0], [1, 2, 3]], requires_grad=True)
    build(alpha=alpha)({"logits": logits}, {"labels": torch.tensor([0, 0, 1, IGNORE])}).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert not logits.grad[3].any()
    assert logits.grad[2, 1] < 0 < logits.grad[2, 0]  # towards the right class


@pytest.mark.parametrize("shape", [(3,), (2, 4), (0, 4)])
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
    with torch.autocast("cpu", dtype=torch.bfloat16):
        total = build()({"logits": low}, {"labels": labels})
    assert total.dtype == torch.float32
    torch.testing.assert_close(total, build()({"logits": low.float()}, {"labels": labels}))


@pytest.mark.parametrize("options", [{"alpha": 1.5}, {"smooth": 0}, {"cross_entropy": -1}])
def test_bad_parameters_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        build(**options)
