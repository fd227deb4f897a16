"""One strategy after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nlu_kit.plugin import Freezing, FreezingContext, Layer, ParameterGroup
from nlu_kit_freezing import PLATEAU_PATIENCE, ScheduleParams, StageParams


@dataclass(frozen=True, slots=True, kw_only=True)
class UntilEpoch:
    """The stage ends after this many epochs of the whole schedule."""

    epochs: int

    def end(self, start: int, scores: Sequence[float]) -> int | None:
        """The first epoch (from 0) that no longer belongs to a stage which began at ``start``."""
        return max(start, self.epochs)


@dataclass(frozen=True, slots=True, kw_only=True)
class UntilPlateau:
    """The stage ends after ``patience`` epochs in a row whose dev score was no better than the stage's best."""

    patience: int

    def end(self, start: int, scores: Sequence[float]) -> int | None:
        """The first epoch (from 0) after the plateau; None as long as ``scores`` shows none."""
        best, waited = float("-inf"), 0
        for epoch in range(start, len(scores)):
            waited = 0 if scores[epoch] > best else waited + 1
            best = max(best, scores[epoch])
            if waited == self.patience:
                return epoch + 1
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A strategy and when it ends; ``until`` is None for the last."""

    strategy: Freezing
    until: UntilEpoch | UntilPlateau | None


class Schedule(Freezing):
    """Stages, one after the other. Each strategy sees epochs and scores as if the run had begun with its stage.

    A stage whose end has passed when the one before it ends (a late plateau) is skipped.
    """

    def __init__(self, params: ScheduleParams, context: FreezingContext) -> None:
        self.stages = [Stage(strategy=context.nested(stage), until=_until(stage)) for stage in params.stages]

    def groups(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> Sequence[ParameterGroup]:
        """Those of the stage that this epoch belongs to."""
        position, start = self._stage(epoch, scores)
        return self.stages[position].strategy.groups(layers, epoch - start, scores[start:epoch])

    def may_train(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> set[str]:
        """What may train in the rest of this stage, or in any stage to come."""
        position, start = self._stage(epoch, scores)
        found = set(self.stages[position].strategy.may_train(layers, epoch - start, scores[start:epoch]))
        for stage in self.stages[position + 1 :]:
            found |= set(stage.strategy.may_train(layers, 0, ()))
        return found

    def _stage(self, epoch: int, scores: Sequence[float]) -> tuple[int, int]:
        """(position of the stage that ``epoch`` belongs to, the stage's first epoch)"""
        start = 0
        for position, stage in enumerate(self.stages):
            end = stage.until.end(start, scores[:epoch]) if stage.until else None
            if end is None or epoch < end:
                return position, start
            start = end
        raise AssertionError("the last stage has no end")


def _until(stage: StageParams) -> UntilEpoch | UntilPlateau | None:
    if stage.until is None:
        return None
    if isinstance(stage.until, int):
        return UntilEpoch(epochs=stage.until)
    return UntilPlateau(patience=stage.plateau_patience or PLATEAU_PATIENCE)
