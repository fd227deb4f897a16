"""Adversarial training by the fast gradient method (Miyato et al. 2017, "Adversarial Training Methods for
Semi-Supervised Text Classification")."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nlu_kit.errors import PluginError
from nlu_kit.plugin.modules import Backbone

_TINY = 1e-12  # keeps a text without a gradient where it is


class FastGradient:
    """Each batch goes through twice: as it is, then with every text's word vectors moved to where its loss rises most.

    The vectors of one text, taken together, move by ``radius`` times their length. The paper scales all word vectors to
    variance 1 in its place; this way one radius suits every encoder. Each text moves for itself, so that it does not
    matter into which pieces, or over which processes, a batch is cut.
    """

    def __init__(self, backbone: Backbone, radius: float | None) -> None:
        self.radius = radius
        self.table: nn.Embedding | None = None
        self.pad_id = backbone.pad_id
        self._turn: int | None = None  # outside a training step, words are looked up as ever
        self._vectors: Tensor | None = None
        if radius is not None:
            self.table = word_table(backbone)
            self.table.register_forward_hook(self._look_up)

    @property
    def passes(self) -> int:
        """How often a batch goes through: twice while the word vectors train, else once."""
        return 2 if self.table is not None and self.table.weight.requires_grad else 1

    @contextmanager
    def turn(self, number: int) -> Iterator[None]:
        """Around the forward pass with this number; the backward pass of the one before must be over."""
        self._turn = number if self.passes > 1 else None
        try:
            yield
        finally:
            self._turn = None
        if number == 0 and self.passes > 1 and self._vectors is None:
            raise PluginError(
                "contract: the backbone's forward() does not look its ids up in its table of word vectors"
            )

    def _look_up(self, _: nn.Module, inputs: tuple[Tensor, ...], vectors_BTD: Tensor) -> Tensor | None:
        if self._turn is None:
            return None
        if self._turn == 0:
            vectors_BTD.retain_grad()
            self._vectors = vectors_BTD
            return None
        clean, self._vectors = self._vectors, None
        if clean is None or clean.grad is None:
            return None
        return vectors_BTD + self._move(clean.detach(), clean.grad, inputs[0])

    @torch.no_grad()
    def _move(self, vectors_BTD: Tensor, gradient_BTD: Tensor, ids_BT: Tensor) -> Tensor:
        real_BT1 = (ids_BT != self.pad_id)[:, :, None]
        length_B11 = torch.linalg.vector_norm(vectors_BTD * real_BT1, dim=(1, 2), keepdim=True)
        steep_B11 = torch.linalg.vector_norm(gradient_BTD, dim=(1, 2), keepdim=True)
        move_BTD = gradient_BTD * (self.radius * length_B11 / steep_B11.clamp_min(_TINY))
        # In fp16 gradients may overflow, and the step is then skipped: its loss must stay a number all the same.
        return torch.where(steep_B11.isfinite(), move_BTD, 0.0)


def word_table(backbone: Backbone) -> nn.Embedding:
    """The table of word vectors: the largest ``nn.Embedding`` in the backbone's lowest layer.

    Raises PluginError where there is none.
    """
    lowest = backbone.layers[0]
    tables = [
        module
        for name, module in backbone.named_modules()
        if isinstance(module, nn.Embedding) and f"{name}.".startswith(f"{lowest}.")
    ]
    if not tables:
        raise PluginError(f"training.fgm: the backbone has no table of word vectors (nn.Embedding) in '{lowest}'")
    return max(tables, key=lambda table: table.num_embeddings)
