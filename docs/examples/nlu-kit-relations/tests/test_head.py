"""The torch half: what it costs, and that the loss scores pairs as the codec does."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nlu_kit.plugin import Encoded, HeadContext, LabelSpace
from nlu_kit_relations.head import RelationsHead
from nlu_kit_relations.loss import PairLoss
from nlu_kit_relations.pairs import pair_logits
from nlu_kit_relations.params import RelationsParams
from nlu_kit_relations.places import Place

WIDTH, LABELS = 12, LabelSpace(("none", "a", "b", "c"))


def outputs(length: int) -> dict[str, Tensor]:
    torch.manual_seed(0)
    head = RelationsHead(RelationsParams(hidden=8), HeadContext(name="relations", width=WIDTH, labels=LABELS)).eval()
    tokens = torch.randn(2, length, WIDTH)
    mask = torch.ones(2, length, dtype=torch.bool)
    with torch.no_grad():
        return dict(head(Encoded(tokens, tokens.mean(dim=1), mask)))


def test_what_leaves_the_head_grows_with_the_text_and_not_with_its_square() -> None:
    sizes = [sum(tensor.numel() for tensor in outputs(length).values()) for length in (20, 40, 80)]
    assert sizes == [sizes[0], 2 * sizes[0], 4 * sizes[0]]


def test_the_loss_scores_pairs_as_the_codec_does() -> None:
    found = outputs(9)
    pairs, labels = torch.tensor([[[1, 2, 5, 5], [5, 5, 1, 2]]] * 2), torch.tensor([[3, 0], [-100, 1]])
    places = [Place(1, 2), Place(5, 5)]
    expected = 0.0
    for text, (i, j), label in ((0, (0, 1), 3), (0, (1, 0), 0), (1, (1, 0), 1)):
        row = pair_logits(found["queries"][text].numpy(), found["keys"][text].numpy(), places)[i, j]
        expected += float(np.log(np.exp(row).sum()) - row[label])
    targets = {"pairs": pairs, "labels": labels}
    assert np.isclose(PairLoss()(found, targets).item(), expected, rtol=1e-5)
    assert PairLoss().denominator(targets) == 3


def test_a_batch_without_pairs_costs_nothing() -> None:
    targets = {"pairs": torch.zeros(2, 0, 4, dtype=torch.long), "labels": torch.zeros(2, 0, dtype=torch.long)}
    assert PairLoss()(outputs(5), targets) == 0
    assert PairLoss().denominator(targets) == 0
