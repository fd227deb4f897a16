"""Shapes of the modules, and that their layers name every parameter."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from nlu_kit.data.batch import TokenBatch
from nlu_kit.data.labels import LabelSpace
from nlu_kit.heads.codec import HeadContext
from nlu_kit.heads.modules import Encoded, Head
from nlu_kit.registry import Registry

MASK = torch.ones(2, 5, dtype=torch.bool)
WORDS = torch.tensor([[-1, 0, 0, 1, -1], [-1, 0, -1, -1, -1]])


def build(name: str = "ner", **options: object) -> Head:
    spec = Registry.load().get("head", name).spec
    context = HeadContext(name="ner", width=6, labels=LabelSpace(("O", "B-x", "I-x")))
    head: Head = spec.build(spec.params(**options), context)
    return head


def encoded(*, batch: bool = True) -> Encoded:
    tokens = TokenBatch(WORDS, MASK, words_BT=WORDS, shapes_BT=WORDS + 1)
    return Encoded(torch.randn(2, 5, 6), torch.randn(2, 6), MASK, tokens if batch else None)


CASES = list(itertools.product(["ner", "crf_ner"], [None, 4], ["first", "mean"], [None, 3]))


@pytest.mark.parametrize(("name", "hidden", "pooling", "shapes"), CASES)
def test_logits_for_every_token(name: str, hidden: Any, pooling: Any, shapes: Any) -> None:
    head = build(name, hidden=hidden, pooling=pooling, shapes=shapes)
    assert head(encoded())["logits"].shape == (2, 5, 3)
    assert head.layers[-1] == "classifier"
    assert len(set(head.layers)) == len(head.layers)
    assert {parameter.split(".")[0] for parameter, _ in head.named_parameters()} == set(head.layers)


def test_the_plain_head_needs_no_words() -> None:
    assert build()(encoded(batch=False))["logits"].shape == (2, 5, 3)


def test_dropout_only_while_training() -> None:
    head = build(dropout=0.5)
    given = encoded(batch=False)
    head.eval()
    assert torch.equal(head(given)["logits"], head(given)["logits"])
    head.train()
    assert not torch.equal(head(given)["logits"], head(given)["logits"])


def test_only_the_chain_of_crf_ner_learns_faster() -> None:
    assert build().lr_scales == {}
    assert build("crf_ner").lr_scales == {"crf": 10.0}
    assert build("crf_ner", crf_lr_scale=3).lr_scales == {"crf": 3.0}
