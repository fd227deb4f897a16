"""The training loop. It knows protocols only: whatever the pipeline composed, this trains it."""

from __future__ import annotations

import contextlib
import itertools
import math
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor

from nlu_kit.config.schema import LoopConfig
from nlu_kit.data.batch import Batch
from nlu_kit.errors import ModelError, TrainingError
from nlu_kit.model.nlu_model import Objective
from nlu_kit.plugin.contracts import Freezing, Sampler
from nlu_kit.plugin.events import EpochEnd, Sample, StepEnd
from nlu_kit.training.adversarial import FastGradient
from nlu_kit.training.checkpoint import Best, Checkpoint
from nlu_kit.training.early_stopping import EarlyStopping
from nlu_kit.training.failures import MemoryShortError, advising_on_memory, left_out
from nlu_kit.training.folders import NOT_A_NUMBER
from nlu_kit.training.optimiser import LayerRates, schedule_factor
from nlu_kit.training.resumable import Resumable, restore
from nlu_kit.training.resume import Point, Position
from nlu_kit.training.signals import EndedBySignal
from nlu_kit.training.static import StaticLayers

BEFORE = -1
"""The epoch before the first."""
_SELDOM = 10.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """The result of a validation: every figure, the names of the main ones, the monitored one, the heads' losses added
    up, and a few decoded utterances."""

    scores: Mapping[str, float] = field(default_factory=dict)
    main: Sequence[str] = ()
    score: float = 0.0
    loss: float | None = None
    samples: Sequence[Sample] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """Why training ended, after how many epochs, and what the weights that it kept are."""

    reason: str
    epochs_run: int
    best: Best


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Where the trainer reports to; both run on the main process only."""

    step: Callable[[StepEnd], None]
    epoch: Callable[[EpochEnd], None]


class Trainer:
    """One objective, one plan of batches, one strategy.

    Losses are sums divided by denominators of the whole *global* batch, so that one process, several processes and
    gradient accumulation all take the same step.
    """

    def __init__(
        self,
        *,
        config: LoopConfig,
        epochs: int,
        accelerator: Accelerator,
        objective: Objective,
        collate: Callable[[Sequence[int]], Batch],
        sampler: Sampler,
        freezing: Freezing,
        checkpoint: Checkpoint,
        validate: Callable[[], Validation] | None,
        static: StaticLayers,
        listeners: Listeners,
        fgm: float | None = None,
        begun: bool = False,
        selects: bool = True,
        resumable: Resumable | None = None,
    ) -> None:
        """``collate`` makes the batch of what the sampler names, and of nothing at all one that teaches nothing.
        Without ``validate`` there is nothing to validate on. ``fgm``: how far adversarial training moves word vectors.
        ``begun``: the weights before the first step are worth something, and the first to keep. ``selects``: the epoch
        with the best score is kept, and training ends early; else the last one is. Without ``resumable``, Ctrl-C ends
        training with the best epoch so far; with it, the run can be resumed where it was."""
        self.epochs, self.begun, self.selects, self.resumable = epochs, begun, selects, resumable
        self.config, self.accelerator, self.collate, self.sampler = config, accelerator, collate, sampler
        self.checkpoint, self.validate, self.listeners = checkpoint, validate, listeners
        self.static = static
        self.objective = objective.to(accelerator.device)
        self.rates = LayerRates(objective, freezing)
        self.adversary = FastGradient(objective.model.backbone, fgm, static=lambda: len(self.rates.static_layers()))
        optimiser = self.rates.optimiser(weight_decay=config.weight_decay, device=accelerator.device)
        self.optimiser = accelerator.prepare_optimizer(optimiser)
        # DistributedDataParallel fixes here which parameters it synchronises: all that train in some epoch. It must
        # look for unused ones only where that set changes.
        unused = self.rates.mark_trainable(epochs)
        checkpoint.start(self.objective)
        accelerator.ddp_handler = DistributedDataParallelKwargs(find_unused_parameters=unused)
        self.wrapped = accelerator.prepare_model(self.objective)
        self.rates.enter(0)
        self.steps_per_epoch = sum(1 for _ in sampler.batches(0))
        self.at = Position()
        self.notes: list[str] = []
        self._asked = self._due = False
        self._kept = time.monotonic()

    # --- one step, top to bottom --------------------------------------------------------------------------------------

    def step(self, indices: Sequence[int]) -> tuple[float, dict[str, float]]:
        """One optimiser step on a global batch: (total, loss per head), the batch's means. Weights stay as they are
        where these or the gradient are no numbers: see ``left_out``."""
        batches = self.pieces(indices)
        denominators, share = self.denominators(batches), self.piece_share(len(indices))
        processes = self.accelerator.num_processes
        factor = self.factor()
        self.rates.apply(self.optimiser, factor)

        total = torch.zeros((), device=self.accelerator.device)
        losses = {head: torch.zeros_like(total) for head in denominators}
        passes = self.adversary.passes
        turns = [(batch, number) for batch in batches for number in range(passes)]
        for position, (batch, number) in enumerate(turns):
            last = position == len(turns) - 1
            waiting = contextlib.nullcontext() if last else self.accelerator.no_sync(self.wrapped)  # gradients add up
            with advising_on_memory(batch, at=self.at, pieces=self.config.gradient_accumulation), waiting:
                with self.adversary.turn(number, batch) as piece:
                    piece_total, piece_losses = self.wrapped(piece, denominators, share)
                # Gradients are averaged over processes: undo it.
                self.accelerator.backward(piece_total * (processes / passes))
            total = total + piece_total.detach() / passes
            for head, loss in piece_losses.items():
                losses[head] = losses[head] + loss.detach() / passes

        norm = self.accelerator.clip_grad_norm_(self.rates.trainable, self.config.max_grad_norm)
        reported, found, gradient = self.report(total, losses, norm)
        self.at.global_step += 1
        if all(map(math.isfinite, (reported, gradient, *found.values()))):
            self.optimiser.step()
        else:
            left_out(
                self.at,
                {**found, "the gradient's norm": gradient},
                batches,
                file=self.checkpoint.file.parents[1] / NOT_A_NUMBER if self.accelerator.is_main_process else None,
                most=0 if self.config.on_nan == "halt" else self.config.nan_skips,
            )
        self.optimiser.zero_grad(set_to_none=True)
        return reported, found

    def pieces(self, indices: Sequence[int]) -> list[Batch]:
        """This process's share of a global batch, in as many pieces as gradients are accumulated over."""
        share = list(indices)[self.accelerator.process_index :: self.accelerator.num_processes]
        count = self.config.gradient_accumulation
        parts = [share[start::count] for start in range(count)]
        batches = [self.collate(part) for part in parts if part] or [self.collate([])]
        return [replace(batch, tokens=self.static.attach(batch.tokens, batch.encodings)) for batch in batches]

    def piece_share(self, size: int) -> float:
        """One over the number of pieces that all processes together cut a global batch of this size into."""
        processes, most = self.accelerator.num_processes, self.config.gradient_accumulation
        return 1.0 / sum(max(1, min(most, len(range(rank, size, processes)))) for rank in range(processes))

    def denominators(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        """Each head's denominator, added over pieces and processes; 1 where no example has a target."""
        parts = [self.objective.denominators(batch) for batch in batches]
        heads = list(parts[0])
        sums = [torch.stack([part[head].float() for part in parts]).sum() for head in heads]
        added = self.accelerator.reduce(torch.stack(sums), reduction="sum")
        return dict(zip(heads, torch.where(added > 0, added, 1.0).unbind(), strict=True))

    def factor(self) -> float:
        """The schedule's multiplier for the step to come."""
        total = self.epochs * self.steps_per_epoch
        warmup = round(self.config.warmup * total)
        return schedule_factor(self.at.global_step, total=total, warmup=warmup, kind=self.config.schedule)

    def report(
        self, total: Tensor, losses: Mapping[str, Tensor], norm: Tensor | None
    ) -> tuple[float, dict[str, float], float]:
        """(total, each head's loss, the gradient's norm), fetched from the device in one transfer.

        They are sums over processes, which every process sees: where one is no number, all of them see it. So it is
        with an end that somebody asks one of them for, and with a point that the main one finds due.
        """
        # Of gradients that are scaled some may overflow: the scaler leaves that step out by itself.
        watched = torch.zeros_like(total) if norm is None or self.accelerator.scaler is not None else norm
        asked = self.resumable is not None and self.resumable.ending.number is not None
        due = self.resumable is not None and self.accelerator.is_main_process and self.resumable.points.is_due()
        wishes = torch.tensor([asked, due], device=total.device)
        values = torch.cat([torch.stack([total, *losses.values(), watched]).float(), wishes.float()])
        *numbers, gradient, asking, wanting = self.accelerator.reduce(values, reduction="sum").tolist()
        self._asked, self._due = asking > 0, wanting > 0
        return numbers[0], dict(zip(losses, numbers[1:], strict=True)), gradient

    # --- epochs -------------------------------------------------------------------------------------------------------

    def fit(self, point: Point | None = None) -> FitResult:
        """Train, from the start or from ``point``, until the last epoch, early stopping, divergence or Ctrl-C; the
        objective ends with its best weights.

        What ends it before the first validation is raised on: there is nothing to keep yet. So is Ctrl-C of a run that
        can be resumed.
        """
        stopping = EarlyStopping(self.config.patience)
        reason = "finished"
        try:
            if point is not None:
                self.resume(point, stopping)
            elif self.begun and (self.selects or not self.epochs):
                self.before(stopping)
            for epoch in range(self.at.epoch, self.epochs):
                if self.selects and stopping.stop:
                    reason = "early stopping"
                    break
                self.epoch(epoch, stopping)
        except MemoryShortError:
            raise
        except (KeyboardInterrupt, TrainingError, ModelError) as error:
            # Every process diverges at the same step, but Ctrl-C reaches them at different ones.
            interrupted = isinstance(error, KeyboardInterrupt)
            lonely = self.accelerator.num_processes == 1 and self.resumable is None
            if not self.checkpoint.exists() or (interrupted and not lonely):
                raise
            reason = (
                "interrupted" if interrupted else f"diverged ({error}), so the best epoch before is kept, and ended"
            )
        self.accelerator.wait_for_everyone()
        # Epoch and figures come from the file, with the weights: wherever Ctrl-C struck, they belong together.
        best = self.checkpoint.restore(self.objective)
        return FitResult(reason=reason, epochs_run=self.at.epoch, best=best)

    def before(self, stopping: EarlyStopping) -> None:
        """Keep what a fit has given, as the best epoch 0 of those that users count: training must end no lower."""
        self.notes += self.static.enter(len(self.rates.static_layers()))
        validation = self.validated()
        stopping.update(validation.score, BEFORE, loss=validation.loss)
        if self.accelerator.is_main_process:
            self.checkpoint.save(self.objective, Best(epoch=BEFORE, dev=validation.scores))

    def epoch(self, epoch: int, stopping: EarlyStopping) -> None:
        """All batches of one epoch that are not done yet, then validation; the best weights so far go to disk."""
        at = self.at
        self.rates.enter(epoch, at.scores)
        self.rates.set_modes()
        notes, self.notes = [*self.notes, *self.static.enter(len(self.rates.static_layers()))], []
        at.notes = at.notes if at.step else notes
        started = time.perf_counter() - at.seconds
        for indices in itertools.islice(self.sampler.batches(epoch), at.step, None):
            at.rates = self.rates.highest(self.factor())
            total, losses = self.step(indices)
            at.step += 1
            at.seconds = time.perf_counter() - started
            if all(map(math.isfinite, (total, *losses.values()))):  # else it was left out
                at.seen += len(indices)
                for head, loss in losses.items():
                    at.sums[head] = at.sums.get(head, 0.0) + loss * len(indices)
                self.notify_step(epoch, at.step, total, losses, at.rates)
            self.keep(stopping)
        seen, seconds, notes = at.seen, at.seconds, at.notes
        if not seen:
            raise TrainingError("every step of this epoch was left out: no loss was a number")
        means = {head: value / seen for head, value in at.sums.items()}
        self.objective.balancing.end_epoch({name: means[name] for name in self.objective.losses})
        stopping.learn(means)
        validation = self.validated(means)
        at.scores.append(validation.score)
        at.epoch, at.step, at.sums, at.seen, at.seconds, at.notes = epoch + 1, 0, {}, 0, 0.0, []
        improved = stopping.update(validation.score, epoch, loss=validation.loss)
        if self.accelerator.is_main_process:
            if improved if self.selects else self.worth_keeping(epoch):
                self.checkpoint.save(self.objective, Best(epoch=epoch, dev=validation.scores))
                self._kept = time.monotonic()
            self.listeners.epoch(
                EpochEnd(
                    epoch=epoch,
                    epochs=self.epochs,
                    losses=means,
                    dev=validation.scores,
                    main=validation.main,
                    score=validation.score,
                    best_score=stopping.best_score if self.selects else validation.score,
                    best_epoch=stopping.best_epoch if self.selects else epoch,
                    improved=improved and self.selects,
                    patience_left=max(0, self.config.patience - stopping.waited) if self.selects else 0,
                    selects=self.selects,
                    seconds=time.perf_counter() - started,
                    examples_per_second=seen / seconds,
                    rates=at.rates,
                    samples=validation.samples,
                    notes=notes,
                )
            )
        if self.resumable is not None and at.epoch < self.epochs:
            self.at_an_epochs_end(stopping)

    def worth_keeping(self, epoch: int) -> bool:
        """Whether an epoch goes to disk where no score says so: the last one does, and before it so many that little is
        lost where something ends the run. Short epochs are as soon repeated as written."""
        return epoch in (0, self.epochs - 1) or time.monotonic() - self._kept >= _SELDOM

    def validated(self, losses: Mapping[str, float] = MappingProxyType({})) -> Validation:
        """Of the weights as they are. Without anything to validate on, the score is the training losses, negative."""
        return Validation(score=-sum(losses.values())) if self.validate is None else self.validate()

    # --- points to resume at ------------------------------------------------------------------------------------------

    def at_an_epochs_end(self, stopping: EarlyStopping) -> None:
        """Write a point, where the main process finds that due."""
        assert self.resumable is not None
        due = self.accelerator.is_main_process and self.resumable.points.is_due(epoch_ends=True)
        wish = torch.tensor(float(due), device=self.accelerator.device)
        if self.accelerator.reduce(wish, reduction="sum") > 0:
            try:
                self.write_point(stopping)
            except TrainingError as error:
                self.notes.append(str(error))  # the run is worth more: it goes on, and tries again

    def keep(self, stopping: EarlyStopping) -> None:
        """Write a point where one is due, or somebody asks for an end. Raises EndedBySignal then."""
        if self.resumable is None:
            return
        number = self.resumable.ending.number
        asked = self.at.asked = self._asked or (number is not None and self.accelerator.num_processes == 1)
        if asked or self._due:
            try:
                self.write_point(stopping)
            except TrainingError as error:
                if asked:
                    lost = f"{error}; what came after the last one is lost"
                    raise EndedBySignal(number or signal.SIGINT, lost) from error
                self.at.notes.append(str(error))
        if asked:
            raise EndedBySignal(number or signal.SIGINT)

    def write_point(self, stopping: EarlyStopping) -> None:
        """All that what follows depends on. Raises TrainingError where it can't be written."""
        assert self.resumable is not None
        begun_again = not self.at.epoch and self.checkpoint.exists()  # then what is there is of more than this
        if not self.selects and not begun_again and self.accelerator.is_main_process:
            self.checkpoint.save(self.objective, Best(epoch=self.at.epoch - (self.at.step == 0), dev={}))
            self._kept = time.monotonic()
        stopping.note(self.at)
        self.resumable.write(self.at, self.accelerator, self.objective, self.optimiser, self.checkpoint)

    def resume(self, point: Point, stopping: EarlyStopping) -> None:
        """Be where ``point`` was. Raises TrainingError where it is of another model."""
        self.at = point.position
        self.at.asked = False
        stopping.take(self.at)
        for epoch in range(self.at.epoch):
            self.rates.enter(epoch, self.at.scores[:epoch])
        restore(point, self.accelerator, self.objective, self.optimiser, self.checkpoint)

    # --- who is told --------------------------------------------------------------------------------------------------

    def notify_step(
        self, epoch: int, number: int, total: float, losses: Mapping[str, float], rates: Mapping[str, float]
    ) -> None:
        if self.accelerator.is_main_process:
            self.listeners.step(
                StepEnd(epoch=epoch, step=number, steps=self.steps_per_epoch, losses=losses, total=total, rates=rates)
            )
