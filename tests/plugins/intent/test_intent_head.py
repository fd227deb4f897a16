"""Shapes of the module, and that its layers name every parameter."""

from __future__ import annotations

import pytest
import torch

from nlu_kit.data.labels import LabelSpace
from nlu_kit.heads.codec import HeadContext
from nlu_kit.heads.modules import Encoded, Head
from nlu_kit.registry import Registry


@pytest.mark.parametrize("hidden", [None, 4])
def test_logits_for_every_sentence(hidden: int | None) -> None:
    spec = Registry.load().get("head", "intent").spec
    context = HeadContext(name="intent", width=6, labels=LabelSpace(("a", "b", "c")))
    head: Head = spec.build(spec.params(hidden=hidden), context).eval()
    pooled = torch.randn(2, 6)
    logits = head(Encoded(torch.randn(2, 5, 6), pooled, torch.ones(2, 5, dtype=torch.bool)))["logits"]
    assert logits.shape == (2, 3)
    assert torch.equal(logits, head(Encoded(torch.zeros(2, 5, 6), pooled, torch.ones(2, 5)))["logits"])
    assert head.layers[-1] == "classifier"
    assert {name.split(".")[0] for name, _ in head.named_parameters()} == set(head.layers)
