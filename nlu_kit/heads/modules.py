"""The torch half of a head, its criterion, and blocks to build heads of.

Shapes: B texts, T tokens, D the backbone's width, C the head's classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor, nn

from nlu_kit.data.batch import TokenBatch
from nlu_kit.heads.codec import HeadContext
from nlu_kit.heads.params import SentenceParams
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
    """Sentence vector [B, D] -> dropout -> (hidden, GELU, dropout) -> ``logits`` [B, C].

    ``hidden`` and ``dropout`` are those of SentenceParams; other parameters get its defaults.
    """

    def __init__(self, params: Params, context: HeadContext) -> None:
        super().__init__()
        params = params if isinstance(params, SentenceParams) else SentenceParams()
        self.dropout = nn.Dropout(params.dropout)
        self.hidden = nn.Linear(context.width, params.hidden) if params.hidden else None
        self.classifier = nn.Linear(params.hidden or context.width, len(context.labels))
        self.layers = ["hidden", "classifier"] if self.hidden else ["classifier"]

    def forward(self, encoded: Encoded) -> Mapping[str, Tensor]:
        sentence = self.dropout(encoded.pooled_BD)
        if self.hidden is not None:
            sentence = self.dropout(nn.functional.gelu(self.hidden(sentence)))
        return {"logits": self.classifier(sentence)}
