"""The torch half of a head, its criterion, and blocks to build heads of.

Shapes: B texts, T tokens, D the backbone's width, C the head's classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from nlu_kit.data.batch import TokenBatch
from nlu_kit.data.labels import IGNORE
from nlu_kit.heads.codec import HeadContext
from nlu_kit.heads.params import LabelParams, SentenceParams
from nlu_kit.params import Params


@dataclass(frozen=True, slots=True)
class Encoded:
    """``tokens_BTD`` one vector per token, ``pooled_BD`` one per sentence, ``mask_BT`` bool, False on padding.

    A backbone gives these. The model adds ``batch``, what was encoded, for heads that look at words and their shapes.
    """

    tokens_BTD: Tensor
    pooled_BD: Tensor
    mask_BT: Tensor
    batch: TokenBatch | None = None


class Head(nn.Module, ABC):
    """One task on top. ``layers``: parameter-name prefixes, the final classifier last.

    ``lr_scales``: by such a prefix, what to multiply the strategy's learning rate for heads with (a CRF's transitions
    want a higher one than the classifier).
    """

    layers: Sequence[str]
    lr_scales: Mapping[str, float] = MappingProxyType({})

    @abstractmethod
    def forward(self, encoded: Encoded) -> Mapping[str, Tensor]:
        """Named outputs ``[B, …]``: ``logits`` is [B, C] per sentence or [B, T, C] per token."""

    wants_vectors: bool = False
    """Whether ``initialise`` is to be called."""

    def initialise(self, vectors_ND: Tensor, targets: Mapping[str, Tensor]) -> None:
        """Begin from what the encoder makes of the N training examples before any training: their sentence vectors, and
        the head's targets of one value or shape a sentence ([N, …], IGNORE where there is none)."""
        return

    def own_loss(self) -> Loss | None:
        """The criterion of a head that computes its own (``produces="own_loss"``)."""
        return None


class Loss(nn.Module, ABC):
    """The criterion of one head, as a sum and its denominator.

    The trainer divides the one by the other *after* adding denominators over all processes and accumulated batches,
    so that the mean is the same however a global batch is cut.
    """

    @abstractmethod
    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        """The summed loss over all targets that are not IGNORE: a scalar, 0 when there is none."""

    @abstractmethod
    def denominator(self, targets: Mapping[str, Tensor]) -> Tensor:
        """What to divide by: the number (or summed weight) of those targets; a scalar."""

    def log_prior_shift(self) -> Tensor | None:
        """What this loss makes the network add to the ``logits`` of each class, [C]: the log of its weight. Decoding
        takes it back (see ``nlu_kit.model.correction``); None where all classes count the same."""
        return None


class SentenceClassifier(Head):
    """Sentence vector [B, D] -> (scaled to length 1) -> dropout -> (hidden, GELU, dropout) -> ``logits`` [B, C].

    ``hidden`` and ``dropout`` are those of SentenceParams; other parameters get its defaults. With ``initialise`` of
    LabelParams, vectors are scaled, and the classifier begins at a logistic regression.
    """

    def __init__(self, params: Params, context: HeadContext) -> None:
        super().__init__()
        params = params if isinstance(params, SentenceParams) else SentenceParams()
        self.dropout = nn.Dropout(params.dropout)
        self.hidden = nn.Linear(context.width, params.hidden) if params.hidden else None
        self.classifier = nn.Linear(params.hidden or context.width, len(context.labels))
        self.layers = ["hidden", "classifier"] if self.hidden else ["classifier"]
        self.wants_vectors = isinstance(params, LabelParams) and params.initialise == "examples"

    def forward(self, encoded: Encoded) -> Mapping[str, Tensor]:
        sentence = self.dropout(self._scaled(encoded.pooled_BD))
        if self.hidden is not None:
            sentence = self.dropout(nn.functional.gelu(self.hidden(sentence)))
        return {"logits": self.classifier(sentence)}

    def _scaled(self, vectors_BD: Tensor) -> Tensor:
        return nn.functional.normalize(vectors_BD, dim=1) if self.wants_vectors else vectors_BD

    def initialise(self, vectors_ND: Tensor, targets: Mapping[str, Tensor]) -> None:
        """At the logistic regression on all annotated examples."""
        labels_N = targets["labels"]
        known_N = labels_N != IGNORE
        found = fit_logistic(self._scaled(vectors_ND[known_N]), labels_N[known_N], len(self.classifier.bias))
        self.classifier.weight.copy_(found[0])
        self.classifier.bias.copy_(found[1])


_STRENGTH = 20.0
"""scikit-learn's C: how much the examples count against small weights. For vectors of length 1, of which no two are far
apart; on CLINC150 with 1 to 20 examples an intent, 5 did as well within half a point."""
_STEPS = 200


def fit_logistic(vectors_ND: Tensor, labels_N: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Weights [C, D] and biases [C], float32, that minimise ``C * sum of cross-entropies + |weights|^2 / 2``.

    By L-BFGS in double precision, from 0, so that the result is the same in every process. Time and memory grow with
    N * C.
    """
    device = vectors_ND.device
    dtype = torch.float32 if device.type == "mps" else torch.float64
    vectors_ND = vectors_ND.to(dtype)
    weights_CD = torch.zeros(classes, vectors_ND.shape[1], dtype=dtype, device=device, requires_grad=True)
    biases_C = torch.zeros(classes, dtype=dtype, device=device, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights_CD, biases_C], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        losses = nn.functional.cross_entropy(
            nn.functional.linear(vectors_ND, weights_CD, biases_C), labels_N, reduction="sum"
        )
        total = _STRENGTH * losses + weights_CD.square().sum() / 2
        torch.autograd.backward(total)
        return total

    with torch.enable_grad():
        optimiser.step(closure)  # type: ignore[no-untyped-call]
    return weights_CD.detach().float(), biases_C.detach().float()
