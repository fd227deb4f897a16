"""The torch-free half of a head. Shapes: B texts, N utterances, T tokens, C the head's classes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar, cast

import numpy as np

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Entity, Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.metrics.counts import Counts
from nlu_kit.metrics.report import HeadReport
from nlu_kit.params import Params

P = TypeVar("P", bound=Params)
Vectors: TypeAlias = Callable[[Sequence[str]], np.ndarray]
"""Texts to the untrained encoder's sentence vectors, float32 [N, D]."""


class _Named(Protocol):
    """What the parameters of most heads have."""

    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadContext:
    """What the torch half gets. ``name`` is the user's name for the head, ``width`` the backbone's D."""

    name: str
    width: int
    labels: LabelSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecContext:
    """What the codec gets. ``labels`` is empty while the label space is still to be read off the training examples.
    ``state`` is what ``calibrate`` returned when the model was saved (JSON), empty before. ``reads`` names the heads
    that the spec says this one reads."""

    name: str
    labels: LabelSpace
    reads: Sequence[str] = ()
    state: Mapping[str, Any] = field(default_factory=dict)


class Codec(ABC, Generic[P]):
    """The torch-free half of a head: annotation to targets, outputs to predictions, predictions to counts.

    Most heads are of a family and subclass that: ``LabelCodec`` (one label a text), ``LabelSetCodec`` (any number of
    them) or ``SpanCodec`` (spans of the text). A codec is never changed once it is made. ``fields`` names what each
    prediction holds (``("intent", "intents")``); no two heads may share one. ``main_metric`` is the key of ``counts``
    or ``figures`` that model selection looks at.
    """

    main_metric: ClassVar[str]
    one_label: ClassVar[bool] = False
    """Whether the output ``logits`` [B, C] scores the labels of the whole sentence, one of which is right, and the
    target ``labels`` () is that one: a detector can then watch the head."""
    State: ClassVar[type[Params]] = Params
    """The shape of what ``calibrate`` returns, for a model folder to be checked by. Give its fields defaults, and
    numbers their bounds."""

    def __init__(self, params: P, context: CodecContext) -> None:
        """Raises pydantic's ValidationError for a state that ``State`` does not take."""
        self.params = params
        self.labels = context.labels
        self.reads = context.reads
        self.state: Any = self.State.model_validate(dict(context.state))

    @property
    def field(self) -> str:
        """The annotation that it learns from, and the first field of the prediction that it fills: by default what
        ``params.field`` says."""
        named = cast(_Named, self.params)
        return named.field

    @property
    @abstractmethod
    def fields(self) -> Sequence[str]:
        """The fields of a prediction that this head fills."""

    # --- learning -----------------------------------------------------------------------------------------------------

    def fit_labels(self, examples: Sequence[Example]) -> LabelSpace:
        """The label space, read off the training examples; empty for a head without classes. Raises
        NothingToLearnError where they hold no annotation for this head, DataError for what it can't learn."""
        return LabelSpace(())

    def label_examples(self) -> Sequence[Example]:
        """Examples to learn from beyond the data, such as the labels' own names; annotated for this head only. Raises
        DataError where its parameters don't fit its labels."""
        return ()

    def chosen_label_examples(self, train: Sequence[Example], vectors: Vectors) -> tuple[Sequence[Example], str]:
        """Those of its ``label_examples`` that are worth learning from beside ``train``, by what the encoder makes of
        them; and what to say of the others, empty where there is nothing to say. Raises DataError as these do."""
        return self.label_examples(), ""

    @abstractmethod
    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        """Named int64 or float32 arrays for one example: ``()`` per sentence, ``[T]`` per token, or of any other shape
        with as many axes in every example. Ints that carry no target are IGNORE, floats NaN. A batch stacks them, each
        axis padded to the longest with the same value."""

    def unlearnable(self, example: Example, encoding: Encoding) -> Sequence[Entity]:
        """The annotations of this example that can't be learnt: truncated away, or not on token boundaries. ``targets``
        has no target where one of these may be meant. The entities themselves; for any other kind of annotation an
        Entity that says where it is and which label it has. What is said of the whole text can always be learnt."""
        return ()

    def unseen(self, example: Example) -> Sequence[str]:
        """The label of each annotation of this example whose label train never had: these can only be got wrong."""
        return ()

    def labels_of(self, example: Example) -> Sequence[str]:
        """The label of each annotation of this example, for counting by label; by default those in ``gold``."""
        values = [
            value
            for field in (self.gold(example) or {}).values()
            for value in (field if isinstance(field, tuple) else (field,))
        ]
        labels = (getattr(value, "label", getattr(value, "name", None)) for value in values)
        return [label for label in labels if isinstance(label, str)]

    # --- predicting ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def decode(self, outputs: Mapping[str, np.ndarray], encodings: Sequence[Encoding]) -> list[Mapping[str, Any]]:
        """The head's named outputs ``[B, …]`` (float32) to one mapping of fields per text."""

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
        """Fit on dev, after training, what decoding needs beyond the weights: a temperature, thresholds. Where there is
        no dev, there are no texts either, and it gives what is known without.

        JSON in the shape of ``State``, which is stored and comes back as ``CodecContext.state``. ``outputs`` and
        ``targets`` hold one mapping per text, without the axis B; outputs per token may be padded beyond the text's
        end, targets are not.
        """
        return {}

    # --- measuring ----------------------------------------------------------------------------------------------------

    @abstractmethod
    def gold(self, example: Example) -> Mapping[str, Any] | None:
        """The annotation in the form of a decoded prediction; None where it has none. A field that no annotation can
        fill (a ranking) is left out."""

    @abstractmethod
    def matches(self, example: Example, prediction: Mapping[str, Any]) -> bool | None:
        """Whether the prediction is entirely right (for sentence exact match); None where there is no annotation."""

    @abstractmethod
    def counts(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> Mapping[str, Counts]:
        """Every metric that is a ratio of sums over the N utterances, against the raw annotation: its figure, interval
        and tests all come from these. Labels that train never had count as wrong; an utterance without annotation
        counts nothing. Empty where the annotation gives nothing to measure."""

    def figures(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
        """Metrics in [0, 1] that are no such ratio (macro F1): they have no interval. Empty as ``counts``."""
        return {}

    def confidence_pairs(self, example: Example, prediction: Mapping[str, Any]) -> Sequence[tuple[float, bool]]:
        """Each thing predicted for this example: (confidence, whether it is right). From these an evaluation computes
        calibration errors, and finds the worst errors: confident and wrong. Empty where there is no annotation."""
        return ()

    def report(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> HeadReport | None:
        """What `nlu-kit evaluate` shows beyond the metrics: further figures, a row per label, a confusion matrix."""
        return None


Codecs: TypeAlias = Mapping[str, Codec[Any]]
"""Of a model, by the user's name for the head."""
