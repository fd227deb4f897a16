"""Adversarial training by the fast gradient method (Miyato et al. 2017, "Adversarial Training Methods for
Semi-Supervised Text Classification")."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from nlu_kit.data.batch import Batch
from nlu_kit.errors import PluginError
from nlu_kit.plugin.modules import Backbone, word_table
from nlu_kit.training.static import static_output

_TINY = 1e-12  # keeps a text without a gradient where it is


class FastGradient:
    """Each batch goes through twice: as it is, then with every text's vectors moved to where its loss rises most.

    These are the vectors that go into the lowest layer that trains: the words', or where lower layers are static, what
    these put out. Those of one text, taken together, move by ``radius`` times their length. The paper scales all word
    vectors to variance 1 in its place; this way one radius suits every encoder. Each text moves for itself, so that it
    does not matter into which pieces, or over which processes, a batch is cut.
    """

    def __init__(self, backbone: Backbone, radius: float | None, static: Callable[[], int]) -> None:
        """``static()``: how many of the lowest layers are static at the moment."""
        self.backbone, self.radius, self.static = backbone, radius, static
        self.table: nn.Embedding | None = None
        self._turn: int | None = None  # outside a training step, words are looked up as ever
        self._vectors: Tensor | None = None
        if radius is not None:
            self.table = word_table(backbone)
            self.table.register_forward_hook(self._look_up)

    @property
    def passes(self) -> int:
        """How often a batch goes through: once while nothing that could be moved goes into a layer that trains."""
        if self.table is None:
            return 1
        static = self.static()
        return 2 if (can_resume(self.backbone, static) if static else self.table.weight.requires_grad) else 1

    @contextmanager
    def turn(self, number: int, batch: Batch) -> Iterator[Batch]:
        """Around the forward pass with this number, the batch that goes through it; the backward pass of the one before
        must be over."""
        if self.passes == 1:
            yield batch
        elif self.static():
            yield self._above(number, batch)
        else:
            self._turn = number
            try:
                yield batch
            finally:
                self._turn = None
            if number == 0 and self._vectors is None:
                raise PluginError(
                    "contract: the backbone's forward() does not look its ids up in its table of word vectors"
                )

    def _above(self, number: int, batch: Batch) -> Batch:
        """The batch with what static layers put out, moved in the second turn."""
        count, tokens = self.static(), batch.tokens
        if number == 0:
            given = static_output(self.backbone, tokens, count) if tokens.static_BTD is None else tokens.static_BTD
            vectors_BTD = self._vectors = given.detach().requires_grad_()
        else:
            assert self._vectors is not None
            clean, self._vectors = self._vectors, None
            vectors_BTD = clean.detach()
            if clean.grad is not None:
                vectors_BTD = vectors_BTD + self._move(vectors_BTD, clean.grad, tokens.ids_BT)
        return replace(batch, tokens=replace(tokens, static_BTD=vectors_BTD, start=count))

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
        real_BT1 = (ids_BT != self.backbone.pad_id)[:, :, None]
        length_B11 = torch.linalg.vector_norm(vectors_BTD * real_BT1, dim=(1, 2), keepdim=True)
        steep_B11 = torch.linalg.vector_norm(gradient_BTD, dim=(1, 2), keepdim=True)
        move_BTD = gradient_BTD * (self.radius * length_B11 / steep_B11.clamp_min(_TINY))
        # In fp16 gradients may overflow, and the step is then skipped: its loss must stay a number all the same.
        return torch.where(steep_B11.isfinite(), move_BTD, 0.0)


def can_resume(backbone: Backbone, count: int) -> bool:
    """Whether a forward pass can go on above the lowest ``count`` layers, and there is some layer left."""
    return count in backbone.resume_points()
