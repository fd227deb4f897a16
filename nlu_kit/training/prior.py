"""What training does to how often classes occur, for decoding to take back (see ``nlu_kit.model.correction``)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nlu_kit.config.pipeline import Pipeline
from nlu_kit.corpus.split import ENOUGH
from nlu_kit.data.dataset import EncodedDataset
from nlu_kit.errors import PluginError
from nlu_kit.heads.codec import Codecs
from nlu_kit.heads.modules import Loss
from nlu_kit.model.correction import Batches, Shifts, fit_shares
from nlu_kit.model.nlu_model import Objective
from nlu_kit.plugin.contracts import Sampler

UNMEASURED = 0.25
"""The share to take off where there is no dev, or too small a one, to ask. With 3 and 10 examples an intent of two
corpora it did as well as none of it, and better than all of it."""


@dataclass(frozen=True, slots=True)
class PriorCorrection:
    """``shifts``: by head [C], what training adds to its logits; heads to which it adds nothing are absent. ``share``:
    how much of that to take off; None where dev is to decide."""

    shifts: Shifts = field(default_factory=dict)
    share: float | None = None

    def shares(self, codecs: Codecs, batches: Batches, dev: EncodedDataset) -> dict[str, float]:
        """By head, how much to take off; ``batches`` are what the network makes of ``dev``. ``UNMEASURED``,
        where these are too few to ask."""
        if self.share is not None or len(dev) < ENOUGH:
            return dict.fromkeys(self.shifts, UNMEASURED if self.share is None else self.share)
        return fit_shares(self.shifts, codecs, batches, dev.examples, dev.encodings)


def prior_correction(
    pipeline: Pipeline, objective: Objective, sampler: Sampler, train: EncodedDataset, codecs: Codecs
) -> PriorCorrection:
    """What the pipeline's losses and its sampler do to the heads' classes. Raises PluginError for a loss whose shift is
    not one finite number a class."""
    wanted = pipeline.decoding.prior_correction
    if wanted is False:
        return PriorCorrection()
    drawn = sampler.likelihoods()
    found: dict[str, np.ndarray] = {}
    for name, loss in objective.losses.items():
        assert isinstance(loss, Loss)
        of_loss = loss.log_prior_shift()
        spec = pipeline.heads[name].head.provided.spec
        if of_loss is None and spec.produces != "logits":  # type: ignore[attr-defined]
            continue  # such a head may have no logits to take anything off
        classes = len(codecs[name].labels)
        shift = np.zeros(classes) if of_loss is None else of_loss.detach().double().cpu().numpy()
        if shift.shape != (classes,) or not np.isfinite(shift).all():
            raise PluginError(f"contract: log_prior_shift() of the loss of '{name}' must be [{classes}] finite numbers")
        shift = shift + _sampled(train, name, classes, drawn)
        if np.any(shift):
            found[name] = shift
    return PriorCorrection(found, None if wanted is True else float(wanted))


def _sampled(train: EncodedDataset, head: str, classes: int, drawn: np.ndarray | None) -> np.ndarray:
    """[C]: the log of how much more often the sampler draws a class than the data has it."""
    if drawn is None:
        return np.zeros(classes)
    as_is, as_drawn = train.class_counts(head, classes), train.class_counts(head, classes, drawn)
    there = as_is > 0
    shift = np.zeros(classes)
    if there.any():
        shift[there] = np.log(as_drawn[there] / as_drawn.sum()) - np.log(as_is[there] / as_is.sum())
    return shift
