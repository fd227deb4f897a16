"""Remember the best dev score and say when to give up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class EarlyStopping:
    """Stops after ``patience`` epochs in a row without a better score (Prechelt 1998)."""

    patience: int
    best_score: float = float("-inf")
    best_epoch: int = -1
    waited: int = 0

    def update(self, score: float, epoch: int) -> bool:
        """Take an epoch's score; True where it is the best so far."""
        if score > self.best_score:
            self.best_score, self.best_epoch, self.waited = score, epoch, 0
            return True
        self.waited += 1
        return False

    @property
    def stop(self) -> bool:
        return self.waited >= self.patience
