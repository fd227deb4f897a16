"""The composition: one backbone, every head; and the objective that adds each head's loss."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from nlu_kit.data.batch import Batch, TokenBatch, collate_tokens
from nlu_kit.data.encoding import Encoding
from nlu_kit.data.prediction import Prediction
from nlu_kit.heads.codec import Codecs
from nlu_kit.heads.modules import Encoded, Head
from nlu_kit.model.compute import Computed, each, in_batches, predict_with
from nlu_kit.model.correction import LOGITS
from nlu_kit.model.description import Correction
from nlu_kit.model.detector import Scope
from nlu_kit.plugin.modules import Backbone, Balancing

Outputs = Mapping[str, Mapping[str, Tensor]]
"""Named outputs by head."""


class NluModel(nn.Module):
    """The backbone runs once, every head reads what it encoded."""

    def __init__(self, backbone: Backbone, heads: Mapping[str, Head]) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = nn.ModuleDict(heads)
        self.corrections: Mapping[str, Correction] = {}

    def forward(self, tokens: TokenBatch) -> Outputs:
        return self.read(self.encode(tokens))

    def encode(self, tokens: TokenBatch) -> Encoded:
        """What the backbone makes of the texts, or made of them before it was static as a whole."""
        if tokens.static_BTD is not None and tokens.static_pooled_BD is not None:
            return Encoded(tokens.static_BTD, tokens.static_pooled_BD, tokens.mask_BT, batch=tokens)
        encoded: Encoded = replace(self.backbone(tokens), batch=tokens)
        return encoded

    def read(self, encoded: Encoded) -> Outputs:
        """What every head makes of that; in eval mode without what ``correct`` takes off."""
        outputs = {name: head(encoded) for name, head in self.heads.items()}
        if self.training:
            return outputs
        for name, named in outputs.items():
            offsets_C = getattr(self, _offsets(name), None)
            if offsets_C is not None:
                outputs[name] = {**named, LOGITS: named[LOGITS] - offsets_C}
        return outputs

    def correct(self, corrections: Mapping[str, Correction]) -> None:
        """Take these off the heads' logits from now on, in eval mode, and nothing off those of other heads. They are
        part of an exported graph, but not of the weights: model.json has them."""
        self.corrections = dict(corrections)
        device = next(self.parameters()).device
        for name in self.heads:
            correction = self.corrections.get(name)
            values = None if correction is None else torch.from_numpy(correction.array).to(device)
            self.register_buffer(_offsets(name), values, persistent=False)


def _offsets(head: str) -> str:
    return f"offsets_{head}"


class Objective(nn.Module):
    """Model, losses and balancing in one module, so that whatever wraps it sees every learnable parameter."""

    def __init__(self, model: NluModel, losses: Mapping[str, nn.Module], balancing: Balancing) -> None:
        super().__init__()
        self.model = model
        self.losses = nn.ModuleDict(losses)
        self.balancing = balancing

    def forward(
        self, batch: Batch, denominators: Mapping[str, Tensor], share: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """(balanced total, each head's loss), scalars. Dividing by ``denominators`` of the whole global batch makes
        the pieces of a batch add up to its mean; ``share`` is this piece's part of what no loss scales."""
        losses = self.head_losses(self.model(batch.tokens), batch, denominators)
        return self.balancing(losses, share=share), losses

    def head_losses(self, outputs: Outputs, batch: Batch, denominators: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each head's loss by its annotation."""
        return {
            name: loss(outputs[name], batch.targets[name]) / denominators[name] for name, loss in self.losses.items()
        }

    def denominators(self, batch: Batch) -> dict[str, Tensor]:
        """What each head's summed loss over this batch is to be divided by."""
        return {name: loss.denominator(batch.targets[name]) for name, loss in self.losses.items()}  # type: ignore[operator]


Attach = Callable[[TokenBatch, Sequence[Encoding]], TokenBatch]
"""May add what static layers put out."""


def predict(
    model: NluModel,
    codecs: Codecs,
    encodings: Sequence[Encoding],
    *,
    batch_size: int,
    attach: Attach | None = None,
    scope: Scope | None = None,
) -> list[Prediction]:
    """Predictions in the order of ``encodings``. Texts of like length share a batch; the model is left in eval mode."""
    run = partial(run_batch, model, attach=attach)
    return predict_with(run, codecs, encodings, batch_size=batch_size, scope=scope)


def compute(
    model: NluModel,
    encodings: Sequence[Encoding],
    *,
    batch_size: int,
    attach: Attach | None = None,
    heads: Collection[str] | None = None,
) -> Iterator[tuple[Sequence[int], Computed]]:
    """(positions among ``encodings``, what the network makes of these), batch by batch; of ``heads`` only, if given."""
    return in_batches(partial(run_batch, model, attach=attach, heads=heads), encodings, batch_size=batch_size)


def compute_each(
    model: NluModel,
    encodings: Sequence[Encoding],
    *,
    batch_size: int,
    attach: Attach | None = None,
    heads: Collection[str] | None = None,
) -> list[Computed]:
    """What the network makes of each text, in their order."""
    return each(compute(model, encodings, batch_size=batch_size, attach=attach, heads=heads))


@torch.inference_mode()
def run_batch(
    model: NluModel,
    batch: Sequence[Encoding],
    *,
    attach: Attach | None = None,
    heads: Collection[str] | None = None,
) -> Computed:
    """What the network makes of one batch; it is left in eval mode."""
    model.eval()
    device = next(model.parameters()).device
    tokens = collate_tokens(batch, pad_id=model.backbone.pad_id, device=device)
    encoded = model.encode(tokens if attach is None else attach(tokens, batch))
    outputs = model.read(encoded)
    return Computed(
        outputs={
            head: {name: _array(value) for name, value in named.items()}
            for head, named in outputs.items()
            if heads is None or head in heads
        },
        vectors=_array(encoded.pooled_BD),
    )


def _array(tensor: torch.Tensor) -> np.ndarray:
    array: np.ndarray = tensor.float().cpu().numpy()
    return array
