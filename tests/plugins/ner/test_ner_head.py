"""Shapes of the module, and that its layers name every parameter."""

from __future__ import annotations

import pytest
import torch

from nlu_kit.data.labels import LabelSpace
from nlu_kit.model.modules import Encoded, Head
from nlu_kit.registry import Registry
from nlu_kit.specs import HeadContext


def build(**options: object) -> Head:
    spec = Registry.load().get("head", "ner").spec
    context = HeadContext(name="ner", width=6, labels=LabelSpace(("O", "B-x", "I-x")))
    head: Head = spec.build(spec.params(**options), context)
    return head


@pytest.mark.parametrize("hidden", [None, 4])
def test_logits_for_every_token(hidden: int | None) -> None:
    head = build(hidden=hidden)
    encoded = Encoded(torch.randn(2, 5, 6), torch.randn(2, 6), torch.ones(2, 5, dtype=torch.bool))
    assert head(encoded)["logits"].shape == (2, 5, 3)
    assert head.layers[-1] == "classifier"
    assert {name.split(".")[0] for name, _ in head.named_parameters()} == set(head.layers)


def test_dropout_only_while_training() -> None:
    head = build(dropout=0.5)
    encoded = Encoded(torch.randn(2, 5, 6), torch.randn(2, 6), torch.ones(2, 5, dtype=torch.bool))
    head.eval()
    assert torch.equal(head(encoded)["logits"], head(encoded)["logits"])
    head.train()
    assert not torch.equal(head(encoded)["logits"], head(encoded)["logits"])
