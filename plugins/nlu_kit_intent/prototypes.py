"""A label is where its examples are (Snell et al. 2017, "Prototypical Networks for Few-shot Learning")."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nlu_kit.plugin import IGNORE, Encoded, Head, HeadContext
from nlu_kit_intent import PrototypeParams


class Prototypes(Head):
    """``logits`` [B, C]: the cosine between the sentence vector and each label's prototype, times ``scale``.

    A prototype begins as the mean of its label's examples, scaled to length 1 as these are: no other label has a part
    in it. While it stays there, what is added as a label or to one moves the cosines of no other.
    """

    wants_vectors = True
    layers = ("prototypes",)

    def __init__(self, params: PrototypeParams, context: HeadContext) -> None:
        super().__init__()
        self.scale = params.scale
        self.prototypes = nn.Parameter(torch.randn(len(context.labels), context.width))

    def forward(self, encoded: Encoded) -> Mapping[str, Tensor]:
        vectors_BD = nn.functional.normalize(encoded.pooled_BD, dim=1)
        return {"logits": self.scale * vectors_BD @ nn.functional.normalize(self.prototypes, dim=1).T}

    def initialise(self, vectors_ND: Tensor, targets: Mapping[str, Tensor]) -> None:
        """At the mean of each label's examples; where it has none, or these cancel out, as random as it was."""
        known_N = targets["labels"] != IGNORE
        unit_ND = nn.functional.normalize(vectors_ND[known_N], dim=1)
        sums_CD = torch.zeros_like(self.prototypes).index_add_(0, targets["labels"][known_N], unit_ND)
        there_C1 = sums_CD.norm(dim=1, keepdim=True) > 0
        self.prototypes.copy_(torch.where(there_C1, nn.functional.normalize(sums_CD, dim=1), self.prototypes))
