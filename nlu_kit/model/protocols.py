"""The torch-free half of the contracts: what a codec, sampler, freezing strategy, detector or callback is.

Public: plugins import from here. Shapes: B texts, T tokens, C the head's classes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from nlu_kit.data.labels import IGNORE

if TYPE_CHECKING:
    import numpy as np

    from nlu_kit.data.encoding import Encoding
    from nlu_kit.data.example import Entity, Example
    from nlu_kit.data.labels import LabelSpace
    from nlu_kit.metrics.report import HeadReport
    from nlu_kit.model.modules import Backbone, Balancing, Head, Loss
    from nlu_kit.specs import Layer, ParameterGroup
    from nlu_kit.training.events import EpochEnd, RunEnd, RunStart, StepEnd

__all__ = [
    "IGNORE",
    "Backbone",
    "Balancing",
    "Callback",
    "Codec",
    "Detector",
    "DetectorFeatures",
    "Freezing",
    "Head",
    "Loss",
    "Sampler",
]


class Codec(Protocol):
    """The torch-free half of a head: numpy arrays in, predictions out. A runtime without torch uses only this.

    ``fields`` names what each prediction holds (``("intent", "intents")``); no two heads may share one.
    ``main_metric`` is the key of ``evaluate`` that model selection looks at.

    ``reads`` names other heads of the pipeline whose predictions this one needs (``CodecContext.reads``).

    Subclass it: the last five methods then have defaults, for a head that has nothing to say there.
    """

    labels: LabelSpace
    fields: Sequence[str]
    main_metric: str
    reads: Sequence[str] = ()

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        """Named int64 or float32 arrays for one example: ``()`` per sentence, ``[T]`` per token, or of any other shape
        with as many axes in every example. Ints that carry no target are IGNORE, floats NaN. A batch stacks them, each
        axis padded to the longest with the same value."""
        ...

    def decode(self, outputs: Mapping[str, np.ndarray], encodings: Sequence[Encoding]) -> list[Mapping[str, Any]]:
        """The head's named outputs ``[B, …]`` (float32) to one mapping of fields per text."""
        ...

    def gold(self, example: Example) -> Mapping[str, Any] | None:
        """The annotation in the form of a decoded prediction (for the sanity print); None where it has none."""
        ...

    def matches(self, example: Example, prediction: Mapping[str, Any]) -> bool | None:
        """Whether the prediction is entirely right (for sentence exact match); None where there is no annotation."""
        ...

    def evaluate(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
        """Metrics in [0, 1] against the raw annotation; labels that train never had count as wrong. An empty mapping
        where the annotation gives nothing to measure."""
        ...

    def unseen(self, example: Example) -> Sequence[str]:
        """The label of each annotation of this example whose label train never had: these can only be got wrong."""
        ...

    def lost(self, example: Example, encoding: Encoding) -> Sequence[Entity]:
        """The annotations of this example that can't be learnt: truncated away, or not on token boundaries. ``targets``
        has no target where one of these may be meant. The entities themselves; for any other kind of annotation an
        Entity that says where it is and which label it has. Nothing is lost of what is said of the whole text."""
        return ()

    def decode_reading(
        self,
        outputs: Mapping[str, np.ndarray],
        encodings: Sequence[Encoding],
        others: Sequence[Mapping[str, Mapping[str, Any]]],
    ) -> list[Mapping[str, Any]]:
        """What is called in place of ``decode`` where the codec ``reads`` other heads: ``others`` has for each text
        what these decoded to, ``{"ner": {"entities": (…)}}``."""
        return self.decode(outputs, encodings)

    def calibrate(
        self, outputs: Sequence[Mapping[str, np.ndarray]], targets: Sequence[Mapping[str, np.ndarray]]
    ) -> Mapping[str, Any]:
        """Fit on dev, after training, what decoding needs beyond the weights: a temperature, thresholds.

        JSON, which is stored and comes back as ``CodecContext.state``. ``outputs`` and ``targets`` hold one mapping per
        text, without the axis B; outputs per token may be padded beyond the text's end, targets are not.
        """
        return {}

    def judged(self, example: Example, prediction: Mapping[str, Any]) -> Sequence[tuple[float, bool]]:
        """Each thing predicted for this example: (confidence, whether it is right). From these an evaluation computes
        calibration errors, and finds the worst errors: confident and wrong. Empty where there is no annotation."""
        return ()

    def report(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> HeadReport | None:
        """What `nlu-kit evaluate` shows beyond ``evaluate``: further figures, a row per label, a confusion matrix."""
        return None


class Sampler(Protocol):
    """Which examples make which batch."""

    def order(self, epoch: int) -> np.ndarray:
        """Indices [M] in drawing order for this epoch; the same for the same seed and epoch."""
        ...

    def batches(self, epoch: int) -> Iterable[Sequence[int]]:
        """Global batches of indices; all processes ask for the same plan and each takes its share."""
        ...

    def describe(self) -> Mapping[str, float]:
        """Figures worth logging, such as the share of utterances with entities before and after weighting."""
        ...


class Freezing(Protocol):
    """Which layers train, at which learning rate, at which epoch: pure functions of what they are given.

    ``scores`` are the dev scores of the epochs before ``epoch`` (which counts from 0), higher is better.
    """

    def groups(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> Sequence[ParameterGroup]:
        """Put each layer into exactly one group."""
        ...

    def may_train(self, layers: Sequence[Layer], epoch: int, scores: Sequence[float]) -> Collection[str]:
        """The names of the layers that train in this epoch or may in a later one, whatever scores are still to come.

        What lies below all of these is static: it runs in eval mode, and its output may be computed once and reused.
        A layer that is left out must never train again.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorFeatures:
    """What the model makes of N utterances: float32 ``logits`` [N, C] of the head that is watched, and ``vectors``
    [N, D], the sentence vectors. ``labels`` [N] are class indices; None where they aren't known, as at prediction."""

    logits: np.ndarray
    vectors: np.ndarray
    labels: np.ndarray | None = None


class Detector(Protocol):
    """How far out of scope an utterance is. Knows no threshold: that is tuned for it, on its scores for dev.

    Subclass it: a detector that learns nothing then needs ``score`` only.
    """

    def score(self, features: DetectorFeatures) -> np.ndarray:
        """Float [N], finite: the higher, the further out of scope. Each utterance for itself, whatever the others."""
        ...

    def fit(self, features: DetectorFeatures) -> None:
        """Learn from the training examples in scope, which all have labels. Called once, if the spec ``learns``."""
        return

    def state(self) -> Mapping[str, np.ndarray]:
        """What was learnt, as arrays to store with the model."""
        return {}

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Take back what ``state`` gave."""
        return


class Callback(Protocol):
    """Listens to a run, on the main process. An exception ends the run."""

    def on_run_start(self, event: RunStart) -> None: ...

    def on_step_end(self, event: StepEnd) -> None: ...

    def on_epoch_end(self, event: EpochEnd) -> None: ...

    def on_run_end(self, event: RunEnd) -> None: ...


def __getattr__(name: str) -> Any:
    """The torch half (``Backbone``, ``Head``, ``Loss``, ``Balancing``), imported when first asked for."""
    if name in __all__:
        from nlu_kit.model import modules

        return getattr(modules, name)
    raise AttributeError(name)
