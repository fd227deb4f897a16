"""A linear-chain conditional random field (Lafferty, McCallum and Pereira 2001). Shapes: B texts, W words, C tags."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nlu_kit.plugin import IGNORE
from nlu_kit_ner.tags import Legal

ILLEGAL = -1e4
"""The score of an illegal step: e to it is 0 in every float type, so that illegal sequences have no probability while
training either; but unlike -inf it leaves every sum and gradient a number."""


class Crf(nn.Module):
    """Scores for starting with a tag [C], from a tag to the next [C, C], and for ending with one [C].

    They begin at 0: a model that knows nothing of transitions but which are legal.
    """

    illegal_start: Tensor
    illegal_steps: Tensor
    illegal_end: Tensor

    def __init__(self, legal: Legal) -> None:
        super().__init__()
        classes = len(legal.start)
        self.start = nn.Parameter(torch.zeros(classes))
        self.steps = nn.Parameter(torch.zeros(classes, classes))
        self.end = nn.Parameter(torch.zeros(classes))
        # They follow from the label space, so they are no part of the state.
        self.register_buffer("illegal_start", torch.from_numpy(~legal.start), persistent=False)
        self.register_buffer("illegal_steps", torch.from_numpy(~legal.steps), persistent=False)
        self.register_buffer("illegal_end", torch.from_numpy(~legal.end), persistent=False)

    def negative_log_likelihood(self, scores_BWC: Tensor, tags_BW: Tensor, mask_BW: Tensor) -> Tensor:
        """[B]: -log p(tags | text), every text with at least one word; words come first, ``mask_BW`` is False behind.

        At words whose tag is IGNORE every tag is allowed: they are summed over. In double precision where the device
        has it, for the sums of long texts span many orders of magnitude; whatever autocast says.
        """
        device = scores_BWC.device.type
        with torch.autocast(device, enabled=False):
            scores_BWC = scores_BWC.to(torch.float32 if device == "mps" else torch.float64)
            chain = self._chain(scores_BWC.dtype)
            unknown_BW = mask_BW & (tags_BW == IGNORE)
            if unknown_BW.any():
                allowed_BWC = tags_BW[:, :, None] == torch.arange(len(self.start), device=tags_BW.device)
                kept_BWC = scores_BWC.masked_fill(~(allowed_BWC | unknown_BW[:, :, None]), ILLEGAL)
                gold_B = _log_partition(chain, kept_BWC, mask_BW)
            else:
                gold_B = _path_score(chain, scores_BWC, tags_BW.masked_fill(~mask_BW, 0), mask_BW)
            return _log_partition(chain, scores_BWC, mask_BW) - gold_B

    def _chain(self, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """Scores of starting, steps and ending, the illegal ones out of reach of training."""
        return (
            self.start.to(dtype).masked_fill(self.illegal_start, ILLEGAL),
            self.steps.to(dtype).masked_fill(self.illegal_steps, ILLEGAL),
            self.end.to(dtype).masked_fill(self.illegal_end, ILLEGAL),
        )

    def nothing(self) -> Tensor:
        """0, which depends on every parameter: DistributedDataParallel waits for the gradient of each in every step,
        and texts of one word have no transition."""
        return 0.0 * (self.start.sum() + self.steps.sum() + self.end.sum())


def _path_score(chain: tuple[Tensor, Tensor, Tensor], scores_BWC: Tensor, tags_BW: Tensor, mask_BW: Tensor) -> Tensor:
    """[B]: the score of one sequence of tags."""
    start, steps, end = chain
    words_BW = scores_BWC.gather(2, tags_BW[:, :, None])[:, :, 0]
    moves_BW = steps[tags_BW[:, :-1], tags_BW[:, 1:]]
    last_B = tags_BW.gather(1, mask_BW.sum(dim=1, keepdim=True) - 1)[:, 0]
    inner = (words_BW * mask_BW).sum(dim=1) + (moves_BW * mask_BW[:, 1:]).sum(dim=1)
    return start[tags_BW[:, 0]] + inner + end[last_B]


def _log_partition(chain: tuple[Tensor, Tensor, Tensor], scores_BWC: Tensor, mask_BW: Tensor) -> Tensor:
    """[B]: log of the summed exponentials of all sequences' scores: the forward algorithm.

    A step is a product of matrices, not a sum over [B, C, C]: with 167 tags that is ten times as fast. What is so
    unlikely that its exponential vanishes beside the likeliest is raised to the smallest number instead of 0, whose
    logarithm has no gradient.
    """
    start, steps, end = chain
    smallest = torch.finfo(steps.dtype).tiny
    highest_step = steps.detach().max()
    kernel_CC = (steps - highest_step).exp()
    logs_BC = start + scores_BWC[:, 0]
    for position in range(1, scores_BWC.shape[1]):
        highest_B1 = logs_BC.detach().amax(dim=1, keepdim=True)
        arriving_BC = ((logs_BC - highest_B1).exp() @ kernel_CC).clamp(min=smallest).log() + highest_B1 + highest_step
        logs_BC = torch.where(mask_BW[:, position, None], arriving_BC + scores_BWC[:, position], logs_BC)
    return torch.logsumexp(logs_BC + end, dim=1)
