"""The contracts without torch: what every component is given; samplers, strategies, detectors and callbacks.

Every component is made as ``(params, context)``. Shapes: N examples, C the head's classes, D the backbone's width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from nlu_kit.assets import Assets
from nlu_kit.data.example import Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.params import Component, Params

if TYPE_CHECKING:
    import numpy as np

    from nlu_kit.plugin.events import EpochEnd, RunEnd, RunStart, StepEnd

# --- backbones, losses, balancing: their other half is in nlu_kit.plugin.modules -----------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneContext:
    """``assets`` are the files of a saved model to restore architecture and tokenizer from (the weights follow);
    ``None`` means: start from the pre-trained weights that the params name. Relative paths start at ``base_dir``."""

    base_dir: Path
    assets: Assets | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LossContext:
    """``class_counts`` [C]: how often each class of the head occurs among the training targets."""

    head: str
    labels: LabelSpace
    class_counts: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancingContext:
    heads: Sequence[str]


# --- samplers ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerContext:
    """``lengths`` [N] are token counts; ``batch_size`` is the global batch; ``nested`` builds a component of the
    same kind with this same context."""

    examples: Sequence[Example]
    lengths: np.ndarray
    batch_size: int
    seed: int
    nested: Callable[[Component], Sampler]


class Sampler(ABC):
    """Which examples make which batch."""

    @abstractmethod
    def order(self, epoch: int) -> np.ndarray:
        """Indices [M] in drawing order for this epoch; the same for the same seed and epoch."""

    @abstractmethod
    def batches(self, epoch: int) -> Iterable[Sequence[int]]:
        """Global batches of indices; all processes ask for the same plan and each takes its share."""

    def likelihoods(self) -> np.ndarray | None:
        """How likely each example is to be drawn, [N] > 0, only in relation to each other; None: all alike. Decoding
        takes back what that does to how often each class occurs (``nlu_kit.model.correction``)."""
        return None

    def describe(self) -> Mapping[str, float]:
        """Figures worth logging, such as the share of utterances with entities before and after weighting."""
        return {}


# --- freezing strategies ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of the model, as a freezing strategy sees it.

    ``name`` is the prefix of its parameters' names; ``part`` is ``"backbone"`` (bottom to top, embeddings first),
    ``"head"`` (``head`` says which; ``final`` marks its classifier) or ``"objective"`` (learnable loss or balancing
    parameters). ``parameters`` counts its numbers. ``lr_scale`` multiplies the strategy's rate.
    """

    name: str
    part: str
    parameters: int
    head: str | None = None
    final: bool = False
    lr_scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterGroup:
    """Layers that share a learning rate; ``lr=None`` freezes them."""

    layers: tuple[str, ...]
    lr: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezingContext:
    """``nested`` builds a component of the same kind with this same context."""

    epochs: int
    nested: Callable[[Component], Freezing]


class Freezing(ABC):
    """Which layers train, at which learning rate, at which epoch: pure functions of what they are given.

    ``scores`` are the dev scores of the epochs before ``epoch`` (which counts from 0), higher is better.
    """

    @abstractmethod
    def groups(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> Sequence[ParameterGroup]:
        """Put each layer into exactly one group."""

    @abstractmethod
    def may_train(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> Collection[str]:
        """The names of the layers that train in this epoch or may in a later one, whatever scores are still to come.

        What lies below all of these is static: it runs in eval mode, and its output may be computed once and reused.
        A layer that is left out must never train again.
        """


# --- detectors --------------------------------------------------------------------------------------------------------


class DetectorParams(Params):
    """Base of every detector's parameters: what it watches, and how its threshold comes about."""

    head: str | None = Field(
        default=None,
        description="The head whose labels are the scope; when absent, the first that gives one label per sentence.",
    )
    threshold: float | None = Field(
        default=None,
        ge=-1e30,
        le=1e30,
        description="Scores above it are out of scope; when absent, it is tuned on dev.",
    )
    criterion: Literal["auto", "accuracy", "false_rejection"] = Field(
        default="auto",
        description="What the threshold is tuned for. accuracy: the most right decisions, in scope and out of it, "
        "which needs out-of-scope examples; false_rejection: as many rejections as that allows. auto: accuracy where "
        "the data has such examples, else false_rejection.",
    )
    out_of_scope_share: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="For accuracy: which share of what users say you expect to be out of scope; the more, the lower "
        "the threshold. When absent, the share in dev (in train, where dev has none).",
    )
    false_rejection: float = Field(
        default=0.02,
        ge=0,
        lt=1,
        description="Of dev's utterances in scope at most this share is rejected, whatever the criterion.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorContext:
    """``head`` is the name of the head that is watched, ``labels`` its C classes; ``temperature`` was fitted on dev, to
    divide its logits by."""

    head: str
    labels: LabelSpace
    temperature: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorFeatures:
    """What the model makes of N utterances: float32 ``logits`` [N, C] of the head that is watched, and ``vectors``
    [N, D], the sentence vectors. ``labels`` [N] are class indices; None where they aren't known, as at prediction."""

    logits: np.ndarray
    vectors: np.ndarray
    labels: np.ndarray | None = None


class Detector(ABC):
    """How far out of scope an utterance is. Knows no threshold: that is tuned for it, on its scores for dev.

    A detector that learns nothing needs ``score`` only.
    """

    @abstractmethod
    def score(self, features: DetectorFeatures) -> np.ndarray:
        """Float [N], finite: the higher, the further out of scope. Each utterance for itself, whatever the others."""

    def fit(self, features: DetectorFeatures) -> None:
        """Learn from the training examples in scope, which all have labels. Called once, if the spec ``learns``."""
        return

    def state(self) -> Mapping[str, np.ndarray]:
        """What was learnt, as arrays to store with the model."""
        return {}

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Take back what ``state`` gave."""
        return


# --- callbacks --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackContext:
    run_dir: Path


class Callback(ABC):  # noqa: B024 - every method has a default
    """Listens to a run, on the main process. An exception ends the run."""

    def on_run_start(self, event: RunStart) -> None:
        """Before the first step."""
        return

    def on_step_end(self, event: StepEnd) -> None:
        """After each step of the optimiser."""
        return

    def on_epoch_end(self, event: EpochEnd) -> None:
        """After each epoch's validation."""
        return

    def on_run_end(self, event: RunEnd) -> None:
        """When the model is saved."""
        return
