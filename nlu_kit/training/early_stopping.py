"""Which epoch's weights to keep, and when training need not go on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from nlu_kit.errors import TrainingError
from nlu_kit.training.resume import Position

LEARNT = 0.1
"""Of its loss in the first epoch: what a head has left when it has learnt train."""
FALLING = 0.9
"""A loss that is still above this share of what it was ``patience`` epochs ago has stopped falling."""


@dataclass(slots=True)
class EarlyStopping:
    """Stops after ``patience`` epochs in a row without a better score (Prechelt 1998), but not before train is learnt:
    a head that has not begun to find anything scores the same in every epoch.

    Of equal scores the one with the lower dev loss is better, then the later one; without losses, the first. It does
    not count as progress.
    """

    patience: int
    best_score: float = float("-inf")
    best_loss: float = float("inf")
    best_epoch: int = -1
    waited: int = 0
    first: dict[str, float] = field(default_factory=dict)
    unlearnt: list[float] = field(default_factory=list)

    def learn(self, losses: Mapping[str, float]) -> None:
        """Take what each loss was on train, on average over the epoch."""
        self.first = self.first or {name: max(loss, 1e-12) for name, loss in losses.items()}
        self.unlearnt.append(max(losses[name] / first for name, first in self.first.items()))

    def update(self, score: float, epoch: int, *, loss: float | None = None) -> bool:
        """Take an epoch's score, and its loss on dev where that is known; True where it is the best so far. Raises
        TrainingError for a score that is NaN."""
        if math.isnan(score):
            raise TrainingError(f"the dev score of epoch {epoch + 1} is not a number; see training.monitor")
        better = score > self.best_score
        loss_on_dev = math.inf if loss is None or math.isnan(loss) else loss
        self.waited = 0 if better else self.waited + 1
        if better or (score == self.best_score and loss is not None and loss_on_dev <= self.best_loss):
            self.best_score, self.best_loss, self.best_epoch = score, loss_on_dev, epoch
            return True
        return False

    def note(self, at: Position) -> None:
        """Write down there what it knows."""
        at.best_score = None if math.isinf(self.best_score) else self.best_score
        at.best_loss = None if not math.isfinite(self.best_loss) else self.best_loss
        at.best_epoch, at.waited = self.best_epoch, self.waited
        at.first, at.unlearnt = dict(self.first), list(self.unlearnt)

    def take(self, at: Position) -> None:
        """The opposite."""
        self.best_score = float("-inf") if at.best_score is None else at.best_score
        self.best_loss = float("inf") if at.best_loss is None else at.best_loss
        self.best_epoch, self.waited = at.best_epoch, at.waited
        self.first, self.unlearnt = dict(at.first), list(at.unlearnt)

    @property
    def learnt(self) -> bool:
        """Whether there is little left to learn of train, or nothing more is being learnt."""
        if not self.unlearnt:
            return True
        now, before = self.unlearnt[-1], self.unlearnt[: -self.patience]
        return now <= LEARNT or (bool(before) and now > FALLING * before[-1])

    @property
    def stop(self) -> bool:
        return self.waited >= self.patience and self.learnt
