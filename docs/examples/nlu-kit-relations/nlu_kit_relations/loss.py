"""The criterion of the `relations` head."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from nlu_kit.plugin import Loss


class PairLoss(Loss):
    """Cross-entropy over the ordered pairs of annotated entities, most of which have no relation.

    It trains on annotated entities, whatever the other head finds at that time: a pair that is only there because an
    entity was missed or made up has no right answer. For N pairs in a batch N C (R + 1) numbers are gathered.
    """

    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        known = targets["labels"] >= 0
        texts, (first, last, from_, to) = known.nonzero()[:, 0], targets["pairs"][known].unbind(dim=1)
        queries, keys = outputs["queries"].float(), outputs["keys"].float()
        heads = (queries[texts, first] + queries[texts, last]) / 2
        tails = (keys[texts, from_] + keys[texts, to]) / 2
        logits = torch.einsum("ncr,nr->nc", heads, tails)
        return F.cross_entropy(logits, targets["labels"][known], reduction="sum")

    def denominator(self, targets: Mapping[str, Tensor]) -> Tensor:
        return (targets["labels"] >= 0).sum().float()
