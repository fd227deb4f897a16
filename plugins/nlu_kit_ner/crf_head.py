"""The torch half of the `crf_ner` head: `ner`'s logits are a CRF's scores, and the CRF is their loss."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nlu_kit.plugin import IGNORE, Encoded, HeadContext, Loss
from nlu_kit_ner import CrfNerParams, Reduction
from nlu_kit_ner.crf import Crf
from nlu_kit_ner.head import NerHead
from nlu_kit_ner.tags import legal_tags


class CrfNerHead(NerHead):
    """``logits`` [B, T, C] as in `ner`; the transitions are in a layer ``crf`` below the classifier.

    Below, because a strategy that trains final layers only must train the classifier. The transitions then stay at 0,
    where the CRF is a softmax over all legal sequences.
    """

    def __init__(self, params: CrfNerParams, context: HeadContext) -> None:
        super().__init__(params, context)
        self.crf = Crf(legal_tags(context.labels.names, params.scheme))
        self.layers = [*self.layers[:-1], "crf", self.layers[-1]]
        self.lr_scales = {"crf": params.crf_lr_scale}
        self.reduction: Reduction = params.reduction

    def forward(self, encoded: Encoded) -> Mapping[str, Tensor]:
        """Beside the ``logits`` the transitions, once for each text: ``start`` [B, C], ``steps`` [B, C, C], ``end``."""
        outputs, batch = super().forward(encoded), len(encoded.mask_BT)
        transitions = {"start": self.crf.start, "steps": self.crf.steps, "end": self.crf.end}
        return {**outputs, **{name: part.detach().expand(batch, *part.shape) for name, part in transitions.items()}}

    def own_loss(self) -> Loss:
        return CrfLoss(self.crf, reduction=self.reduction)


class CrfLoss(Loss):
    """The sentences' negative log likelihood, over annotated words or sentences.

    A sentence without annotation counts nothing. A word whose tag train never had may have any.
    """

    _crf: Crf

    def __init__(self, crf: Crf, *, reduction: Reduction) -> None:
        super().__init__()
        # Past nn.Module's registration: the parameters are the head's, and must not be listed or stored twice.
        # The module, not its tensors: whoever moves or replaces these does it there.
        object.__setattr__(self, "_crf", crf)
        self.reduction: Reduction = reduction

    def log_prior_shift(self) -> Tensor:
        """0 [C]: all tags count the same, and what the sampler adds can be taken off the words' scores."""
        return torch.zeros_like(self._crf.start)

    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        """The sum over sentences of ``outputs["logits"]`` [B, T, C] for ``targets["labels"]`` [B, T] at the first
        subwords ``targets["tokens"]`` [B, W] (IGNORE behind a text's words): float32 scalar."""
        tokens_BW, logits_BTC = targets["tokens"], outputs["logits"]
        mask_BW = tokens_BW != IGNORE
        places_BW = tokens_BW.masked_fill(~mask_BW, 0)
        tags_BW = targets["labels"].gather(1, places_BW).masked_fill(~mask_BW, IGNORE)
        scores_BWC = logits_BTC.gather(1, places_BW[:, :, None].expand(-1, -1, logits_BTC.shape[2]))
        annotated = (tags_BW != IGNORE).any(dim=1)
        chosen = scores_BWC[annotated]
        total = chosen.sum().float()  # of no sentence, the sum is 0
        if len(chosen):
            total = self._crf.negative_log_likelihood(chosen, tags_BW[annotated], mask_BW[annotated]).sum().float()
        return total + self._crf.nothing()

    def denominator(self, targets: Mapping[str, Tensor]) -> Tensor:
        """The number of annotated words, or of sentences that have such: float32 scalar."""
        annotated_BT = targets["labels"] != IGNORE
        counted = annotated_BT if self.reduction == "word" else annotated_BT.any(dim=1)
        return counted.sum(dtype=torch.float32)
