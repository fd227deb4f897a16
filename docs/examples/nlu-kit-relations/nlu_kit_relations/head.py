"""The torch half of the `relations` head."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nlu_kit.plugin import Encoded, Head, HeadContext, Loss
from nlu_kit_relations.loss import PairLoss
from nlu_kit_relations.params import RelationsParams


class RelationsHead(Head):
    """Token vectors [B, T, D] -> ``queries`` [B, T, C, R + 1] and ``keys`` [B, T, R + 1]; the logits of the relation
    from token i to token j are ``queries[i] @ keys[j]``.

    That is the biaffine classifier of Dozat and Manning (2017, "Deep biaffine attention for neural dependency
    parsing"), cut in two before the step that makes pairs. The logits of all pairs would be T² C numbers for each text:
    with 5 classes and 512 tokens 1.3 million, of which hardly any is asked for. Queries and keys are T (C + 1) (R + 1),
    with R = 64 0.2 million there, and grow with the text, not with its square. (Below some 80 tokens they are the more,
    but then both are few.) Whoever knows the entities multiplies these: the loss the annotated ones, the codec the
    decoded ones.
    """

    def __init__(self, params: RelationsParams, context: HeadContext) -> None:
        super().__init__()
        self.dropout = nn.Dropout(params.dropout)
        self.head = nn.Linear(context.width, params.hidden)
        self.tail = nn.Linear(context.width, params.hidden)
        self.biaffine = Biaffine(params.hidden, len(context.labels))
        self.layers = ["head", "tail", "biaffine"]

    def forward(self, encoded: Encoded) -> Mapping[str, Tensor]:
        tokens = self.dropout(encoded.tokens_BTD)
        head_BTR, tail_BTR = (self.dropout(nn.functional.gelu(layer(tokens))) for layer in (self.head, self.tail))
        return {"queries": self.biaffine(_with_one(head_BTR)), "keys": _with_one(tail_BTR)}

    def own_loss(self) -> Loss:
        return PairLoss()


class Biaffine(nn.Module):
    """The half of a biaffine form that belongs to the first argument."""

    def __init__(self, hidden: int, classes: int) -> None:
        super().__init__()
        # Small enough that all classes are about as likely at first; at 0 the layers below would get no gradient.
        self.weight = nn.Parameter(torch.randn(hidden + 1, classes, hidden + 1) / hidden)

    def forward(self, head_BTR: Tensor) -> Tensor:
        return torch.einsum("btr,rcs->btcs", head_BTR, self.weight)


def _with_one(vectors_BTR: Tensor) -> Tensor:
    """Each vector with a 1 at its end: so the form has a bias, and terms for each argument alone."""
    return torch.cat([vectors_BTR, torch.ones_like(vectors_BTR[..., :1])], dim=-1)
