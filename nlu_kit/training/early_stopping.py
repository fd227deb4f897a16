"""When the dev score has stopped rising."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nlu_kit.errors import TrainingError
from nlu_kit.training.resume import Position


@dataclass(slots=True)
class EarlyStopping:
    """Stops after ``patience`` epochs in a row without a better score (Prechelt 1998)."""

    patience: int
    best_score: float = float("-inf")
    best_epoch: int = -1
    waited: int = 0

    def update(self, score: float, epoch: int) -> bool:
        """Take an epoch's score; True where it is the best so far. Raises TrainingError for NaN."""
        if math.isnan(score):
            raise TrainingError(f"the dev score of epoch {epoch + 1} is not a number; see training.monitor")
        if score > self.best_score:
            self.best_score, self.best_epoch, self.waited = score, epoch, 0
            return True
        self.waited += 1
        return False

    def note(self, at: Position) -> None:
        """Write down there what it knows."""
        at.best_score = None if math.isinf(self.best_score) else self.best_score
        at.best_epoch, at.waited = self.best_epoch, self.waited

    def take(self, at: Position) -> None:
        """The opposite."""
        self.best_score = float("-inf") if at.best_score is None else at.best_score
        self.best_epoch, self.waited = at.best_epoch, at.waited

    @property
    def stop(self) -> bool:
        return self.waited >= self.patience
