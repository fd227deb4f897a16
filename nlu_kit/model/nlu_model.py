"""The composition: one backbone, every head; and the objective that adds each head's loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor, nn

from nlu_kit.data.batch import Batch, TokenBatch
from nlu_kit.heads.modules import Encoded, Head, Loss
from nlu_kit.plugin.modules import Backbone, Balancing

Outputs = Mapping[str, Mapping[str, Tensor]]
"""Named outputs by head."""


class NluModel(nn.Module):
    """The backbone runs once, every head reads what it encoded."""

    def __init__(self, backbone: Backbone, heads: Mapping[str, Head]) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = nn.ModuleDict(heads)

    def forward(self, tokens: TokenBatch) -> Outputs:
        return self.read(self.encode(tokens))

    def encode(self, tokens: TokenBatch) -> Encoded:
        """What the backbone makes of the texts, or made of them before it was static as a whole."""
        if tokens.static_BTD is not None and tokens.static_pooled_BD is not None:
            return Encoded(tokens.static_BTD, tokens.static_pooled_BD, tokens.mask_BT, batch=tokens)
        encoded: Encoded = replace(self.backbone(tokens), batch=tokens)
        return encoded

    def read(self, encoded: Encoded) -> Outputs:
        """What every head makes of that."""
        return {name: head(encoded) for name, head in self.heads.items()}


class Objective(nn.Module):
    """Model, losses and balancing in one module, so that whatever wraps it sees every learnable parameter."""

    def __init__(self, model: NluModel, losses: Mapping[str, Loss], balancing: Balancing) -> None:
        super().__init__()
        self.model = model
        self.losses = nn.ModuleDict(losses)
        self.balancing = balancing

    def forward(
        self, batch: Batch, denominators: Mapping[str, Tensor], share: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """(balanced total, each head's loss), scalars. Dividing by ``denominators`` of the whole global batch makes
        the pieces of a batch add up to its mean; ``share`` is this piece's part of what no loss scales."""
        outputs = self.model(batch.tokens)
        losses = {
            name: loss(outputs[name], batch.targets[name]) / denominators[name] for name, loss in self.losses.items()
        }
        return self.balancing(losses, share=share), losses

    def denominators(self, batch: Batch) -> dict[str, Tensor]:
        """What each head's summed loss over this batch is to be divided by."""
        return {name: loss.denominator(batch.targets[name]) for name, loss in self.losses.items()}  # type: ignore[operator]
