"""Class weights from counts and by hand, and the weighted loss held against torch's own mean."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch.nn import functional as F

from nlu_kit.data.labels import IGNORE, LabelSpace
from nlu_kit.errors import ConfigError
from nlu_kit.heads.modules import Loss
from nlu_kit.plugin.contracts import LossContext
from nlu_kit.registry import Registry
from nlu_kit_losses.class_weights import from_counts

LABELS = LabelSpace(("B-city", "B-date", "I-city", "I-date", "O"))
COUNTS = np.array([16, 4, 1, 0, 400])


def build(counts: np.ndarray = COUNTS, **options: object) -> Loss:
    spec = Registry.load().get("loss", "weighted_cross_entropy").spec
    return spec.build(spec.params(**options), LossContext(head="ner", labels=LABELS, class_counts=counts))


def weights(counts: np.ndarray = COUNTS, **options: object) -> list[float]:
    return dict(build(counts, **options).named_buffers())["weights"].tolist()


@pytest.mark.parametrize("weighting", ["sqrt", "balanced", "effective_number", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_equals_torchs_weighted_mean(weighting: str, smoothing: float) -> None:
    loss = build(weighting=weighting, label_smoothing=smoothing)
    logits = torch.randn(4, 6, 5, generator=torch.Generator().manual_seed(1))
    labels = torch.randint(0, 5, (4, 6), generator=torch.Generator().manual_seed(2))
    labels[:, -2:] = IGNORE
    targets = {"labels": labels}
    mean = loss({"logits": logits}, targets) / loss.denominator(targets)
    weight = torch.tensor(weights(weighting=weighting))
    expected = F.cross_entropy(logits.reshape(-1, 5), labels.reshape(-1), weight=weight, label_smoothing=smoothing)
    torch.testing.assert_close(mean, expected)


def test_balanced_is_one_over_n_and_sqrt_its_root() -> None:
    balanced = weights(weighting="balanced")
    assert balanced[1] / balanced[0] == pytest.approx(4)
    assert balanced[2] / balanced[4] == pytest.approx(400)
    root = weights(weighting="sqrt")
    assert root[1] / root[0] == pytest.approx(2)
    assert root[2] / root[4] == pytest.approx(20)


def test_effective_number_is_the_papers() -> None:
    # Cui et al. 2019, eq. 4: (1 - beta) / (1 - beta^n)
    got = weights(weighting="effective_number", beta=0.9)
    expected = [(1 - 0.9) / (1 - 0.9**n) for n in (16, 4)]
    assert got[0] / got[1] == pytest.approx(expected[0] / expected[1])
    assert weights(weighting="effective_number", beta=0)[:3] == [1.0, 1.0, 1.0]


@given(
    counts=st.lists(st.integers(0, 10**9), min_size=1, max_size=30),
    weighting=st.sampled_from(["sqrt", "balanced", "effective_number", "none"]),
    beta=st.sampled_from([0.0, 0.9, 0.999999]),
)
def test_weights_are_finite_with_mean_one_over_the_classes_present(
    counts: list[int], weighting: str, beta: float
) -> None:
    array = np.array(counts)
    got = from_counts(array, weighting, beta=beta)  # type: ignore[arg-type]
    assert np.isfinite(got).all()
    assert (got > 0).all()
    assert (got[array == 0] == 1).all()
    if (array > 0).any():
        assert got[array > 0].mean() == pytest.approx(1)
    present = array > 0
    rarer_first = np.argsort(array[present], kind="stable")
    assert (np.diff(got[present][rarer_first]) <= 1e-9).all()


def test_max_weight_caps_those_from_counts_only() -> None:
    got = weights(weighting="balanced", max_weight=1.5, weights={"O": 7.0})
    assert max(got[:4]) == pytest.approx(1.5)
    assert got[4] == 7.0


def test_weights_by_hand_alone() -> None:
    assert weights(weighting="none", weights={"O": 0.25, "I-date": 3}) == [1, 1, 1, 3, 0.25]


def test_every_unknown_label_is_named_with_what_is_allowed() -> None:
    with pytest.raises(ConfigError) as caught:
        build(weights={"B-ctiy": 2, "Z": 1, "O": 1})
    assert [problem.path for problem in caught.value.problems] == [
        "heads.ner.loss.weights.B-ctiy",
        "heads.ner.loss.weights.Z",
    ]
    message = str(caught.value)
    assert "did you mean 'B-city'?" in message
    assert "B-city, B-date, I-city, I-date, O" in message


@pytest.mark.parametrize(
    "options",
    [{"weights": {"O": 0}}, {"weights": {"O": float("inf")}}, {"beta": 1}, {"max_weight": 0}, {"weighting": "x"}],
)
def test_wrong_parameters_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        build(**options)


def test_without_targets_there_is_no_nan() -> None:
    loss = build()
    logits = torch.randn(2, 3, 5, requires_grad=True)
    targets = {"labels": torch.full((2, 3), IGNORE)}
    total = loss({"logits": logits}, targets)
    total.backward()
    assert total.item() == 0
    assert loss.denominator(targets).item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_a_class_that_train_lacks_gives_a_finite_loss_on_dev() -> None:
    loss = build(weighting="balanced")
    targets = {"labels": torch.tensor([3])}
    assert torch.isfinite(loss({"logits": torch.zeros(1, 5)}, targets))
    assert loss.denominator(targets).item() == 1


def test_bfloat16_logits_and_module_still_give_float32() -> None:
    loss = build().to(torch.bfloat16)
    targets = {"labels": torch.tensor([0, IGNORE])}
    total = loss({"logits": torch.zeros(2, 5, dtype=torch.bfloat16)}, targets)
    assert total.dtype == loss.denominator(targets).dtype == torch.float32
