"""Remember the best dev score and say when to give up."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nlu_kit.errors import TrainingError


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

    @property
    def stop(self) -> bool:
        return self.waited >= self.patience
