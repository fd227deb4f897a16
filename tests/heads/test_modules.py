"""The blocks that heads are built of."""

from __future__ import annotations

import pytest
import torch

from nlu_kit.data.labels import LabelSpace
from nlu_kit.heads.codec import HeadContext
from nlu_kit.heads.modules import Encoded, SentenceClassifier
from nlu_kit.heads.params import SentenceParams
from nlu_kit.params import Params

CONTEXT = HeadContext(name="mine", width=6, labels=LabelSpace(("a", "b", "c")))


@pytest.mark.parametrize("hidden", [None, 4])
def test_a_sentence_classifier_gives_logits_for_every_sentence(hidden: int | None) -> None:
    head = SentenceClassifier(SentenceParams(hidden=hidden), CONTEXT).eval()
    pooled = torch.randn(2, 6)
    logits = head(Encoded(torch.randn(2, 5, 6), pooled, torch.ones(2, 5, dtype=torch.bool)))["logits"]
    assert logits.shape == (2, 3)
    assert torch.equal(logits, head(Encoded(torch.zeros(2, 5, 6), pooled, torch.ones(2, 5)))["logits"])
    assert head.layers[-1] == "classifier"
    assert {name.split(".")[0] for name, _ in head.named_parameters()} == set(head.layers)


def test_parameters_without_its_settings_get_their_defaults() -> None:
    head = SentenceClassifier(Params(), CONTEXT)
    assert head.hidden is None
    assert head.dropout.p == SentenceParams().dropout
