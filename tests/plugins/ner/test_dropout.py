"""Dropout in 256ths."""

from __future__ import annotations

import pytest
import torch

from nlu_kit_ner.head import TokenDropout


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_it_drops_at_its_rate_and_keeps_the_mean(rate: float) -> None:
    torch.manual_seed(0)
    values = torch.ones(300, 7, 101, requires_grad=True)
    dropped = TokenDropout(rate)(values)
    dropped.sum().backward()
    assert (dropped == 0).float().mean().item() == pytest.approx(rate, abs=0.005)
    assert dropped.mean().item() == pytest.approx(1, abs=0.01)
    assert torch.equal(values.grad, dropped.detach())  # what is dropped has no gradient either
    columns = (dropped.detach().flatten()[: 8 * 20000].view(-1, 8) == 0).float().mean(dim=0)
    assert columns.tolist() == pytest.approx([rate] * 8, abs=0.015)  # every byte of a draw is random


def test_a_seed_repeats_it_and_evaluation_leaves_values_alone() -> None:
    dropout, values = TokenDropout(0.3), torch.randn(4, 5, 6)
    drawn = []
    for _ in range(2):
        torch.manual_seed(5)
        drawn.append(dropout(values))
    assert torch.equal(*drawn)
    assert not torch.equal(drawn[0], dropout(values))
    assert dropout(values.bfloat16()).dtype == torch.bfloat16
    assert dropout.eval()(values) is values
    assert TokenDropout(0.0)(values) is values
