"""Binary cross-entropy and its focal variant, held against the formula; NaN is "not annotated"."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from nlu_kit.config.check import resolve
from nlu_kit.data.labels import LabelSpace
from nlu_kit.errors import ConfigError
from nlu_kit.heads.modules import Loss
from nlu_kit.plugin.contracts import LossContext
from nlu_kit.registry import Registry

NAN = float("nan")
LOGITS = torch.tensor([[1.5, -2.0, 0.3], [0.0, 4.0, -1.0], [9.0, 9.0, 9.0]])
TARGETS = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [NAN, NAN, NAN]])


def build(name: str = "binary_cross_entropy", **options: object) -> Loss:
    spec = Registry.load().get("loss", name).spec
    context = LossContext(head="intent", labels=LabelSpace(("a", "b", "c")), class_counts=np.zeros(3, dtype=np.int64))
    return spec.build(spec.params(**options), context)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("positive_weight", [1.0, 3.0])
def test_is_the_formula(gamma: float, positive_weight: float) -> None:
    loss = build("binary_focal", gamma=gamma, positive_weight=positive_weight)
    total = 0.0
    for row in range(2):
        for column in range(3):
            p, y = 1 / (1 + np.exp(-float(LOGITS[row, column]))), float(TARGETS[row, column])
            right = p if y else 1 - p
            total -= (positive_weight if y else 1) * (1 - right) ** gamma * np.log(right)
    assert loss({"logits": LOGITS}, {"labels": TARGETS}).item() == pytest.approx(total, rel=1e-4)
    assert loss.denominator({"labels": TARGETS}).item() == 2  # texts, not labels


def test_without_gamma_both_are_the_same() -> None:
    arguments = {"logits": LOGITS}, {"labels": TARGETS}
    torch.testing.assert_close(build()(*arguments), build("binary_focal", gamma=0)(*arguments))


def test_sums_add_up_however_the_batch_is_cut() -> None:
    for loss in (build(), build("binary_focal")):
        parts = [loss({"logits": LOGITS[i : i + 1]}, {"labels": TARGETS[i : i + 1]}) for i in range(3)]
        torch.testing.assert_close(loss({"logits": LOGITS}, {"labels": TARGETS}), sum(parts))
        assert parts[2] == 0


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradients_are_finite_and_reach_no_masked_target(gamma: float) -> None:
    logits = torch.tensor([[300.0, -300.0, 300.0], [1.0, 2.0, 3.0]], requires_grad=True)
    labels = torch.tensor([[1.0, 1.0, 0.0], [NAN, 1.0, NAN]])
    build("binary_focal", gamma=gamma)({"logits": logits}, {"labels": labels}).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[1, 0] == logits.grad[1, 2] == 0
    assert logits.grad[0, 1] < 0 < logits.grad[0, 2]


def test_without_annotation_the_sum_is_zero() -> None:
    targets = {"labels": torch.full((2, 3), NAN)}
    logits = torch.randn(2, 3, requires_grad=True)
    total = build()({"logits": logits}, targets)
    total.backward()
    assert total.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()
    assert build().denominator(targets).item() == 0


def test_is_computed_in_float32_also_under_autocast() -> None:
    low = LOGITS.to(torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        total = build("binary_focal")({"logits": low}, {"labels": TARGETS})
    assert total.dtype == torch.float32
    torch.testing.assert_close(total, build("binary_focal")({"logits": low.float()}, {"labels": TARGETS}))


@pytest.mark.parametrize("options", [{"positive_weight": 0}, {"gamma": -1}])
def test_bad_parameters_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        build("binary_focal", **options)


@pytest.mark.parametrize(
    ("head", "loss", "fitting"),
    [
        ("intent", "binary_focal", "cross_entropy, focal"),
        ("multilabel_intent", "focal", "binary_cross_entropy, binary_focal"),
    ],
)
def test_a_loss_of_the_other_kind_is_a_config_error(head: str, loss: str, fitting: str, tmp_path: object) -> None:
    raw = {"data": {"train": "t"}, "heads": {"x": {"type": head, "loss": loss}}}
    with pytest.raises(ConfigError, match="does not take what the head") as caught:
        resolve(raw, base_dir=tmp_path)  # type: ignore[arg-type]
    assert fitting in str(caught.value)
