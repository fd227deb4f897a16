"""What a plugin hands to the core: a descriptor (``*Spec``) per component, and what its ``build`` gets (``*Context``).

A spec is pure data. ``params`` (pydantic) validates the component's section of pipeline.json before anything heavy is
imported; ``build`` imports torch inside. Nothing here imports torch, and no component is named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import Field

from nlu_kit.params import Component as Component
from nlu_kit.params import Nested as Nested
from nlu_kit.params import Params as Params

if TYPE_CHECKING:
    import numpy as np

    from nlu_kit.assets import Assets
    from nlu_kit.data.example import Example
    from nlu_kit.data.labels import LabelSpace
    from nlu_kit.model.protocols import Backbone, Balancing, Callback, Codec, Detector, Freezing, Head, Loss, Sampler

CONTRACT = 2
"""The version of all that plugins and core agree on: specs, contexts, contracts. It grows when a plugin written for the
one before might break. A plugin's module says which it was written for: ``NLU_KIT_CONTRACT = 2``."""
CONTRACT_ATTRIBUTE = "NLU_KIT_CONTRACT"

P = TypeVar("P", bound=Params)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec(Generic[P]):
    """What every kind shares. ``default=True`` makes it the component used where the pipeline names none.

    ``trial`` gives the parameters that have no default a value, so that `nlu-kit plugins check` can try the component.
    """

    kind: ClassVar[str]
    params_base: ClassVar[type[Params]] = Params
    name: str
    summary: str
    params: type[P]
    default: bool = False
    trial: Mapping[str, Any] = field(default_factory=dict)


# --- backbones ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneContext:
    """``assets`` are the files of a saved model to restore architecture and tokenizer from (the weights follow);
    ``None`` means: start from the pre-trained weights that the params name. Relative paths start at ``base_dir``."""

    base_dir: Path
    assets: Assets | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneSpec(Spec[P]):
    kind: ClassVar[str] = "backbone"
    build: Callable[[P, BackboneContext], Backbone]


# --- heads ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadContext:
    """``name`` is the user's name for the head, ``width`` the backbone's D."""

    name: str
    width: int
    labels: LabelSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecContext:
    """``state`` is what ``Head.codec_state()`` and ``Codec.calibrate()`` returned when the model was saved (JSON),
    empty before training. ``reads`` names the heads that the spec says this one reads."""

    name: str
    labels: LabelSpace
    reads: Sequence[str] = ()
    state: Mapping[str, Any] = field(default_factory=dict)


def _nothing(_: Params) -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSpec(Spec[P]):
    """A head has two halves: ``build`` gives the torch module, ``codec`` the torch-free one (targets, decoding,
    metrics). ``fit`` reads the label space off the training examples (empty for a head without classes) and raises
    NothingToLearnError where they hold no annotation for it. ``produces`` says what its outputs are; the
    head's loss must consume it (``"own_loss"``: the head computes its loss itself). ``one_label=True`` says that the
    output ``logits`` [B, C] scores the labels of the whole sentence, one of which is right, and that the codec's target
    ``labels`` () is that one: a detector can then watch the head.

    ``state`` is the shape of what the codec keeps in a model folder (``Head.codec_state`` and ``Codec.calibrate``), for
    a folder to be checked before the codec sees it; give its fields defaults, and numbers their bounds.

    ``reads`` names the heads of the pipeline whose decoded predictions this one's codec wants (see
    ``Codec.decode_reading``). ``samples`` gives a few annotated examples for `nlu-kit plugins check`, where the head
    learns from something else than the fields ``intent`` and ``entities``."""

    kind: ClassVar[str] = "head"
    build: Callable[[P, HeadContext], Head]
    codec: Callable[[P, CodecContext], Codec]
    fit: Callable[[P, Sequence[Example]], LabelSpace]
    produces: str = "logits"
    default_loss: str | None = None
    one_label: bool = False
    state: type[Params] | None = None
    reads: Callable[[P], Sequence[str]] = _nothing
    samples: Callable[[P], Sequence[Example]] | None = None


# --- losses and balancing -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LossContext:
    """``class_counts`` [C]: how often each class of the head occurs among the training targets."""

    head: str
    labels: LabelSpace
    class_counts: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSpec(Spec[P]):
    kind: ClassVar[str] = "loss"
    build: Callable[[P, LossContext], Loss]
    consumes: frozenset[str] = frozenset({"logits"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancingContext:
    heads: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancingSpec(Spec[P]):
    kind: ClassVar[str] = "balancing"
    build: Callable[[P, BalancingContext], Balancing]


# --- samplers -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerContext:
    """``lengths`` [N] are token counts; ``batch_size`` is the global batch; ``nested`` builds a component of the
    same kind with this same context."""

    examples: Sequence[Example]
    lengths: np.ndarray
    batch_size: int
    seed: int
    nested: Callable[[Component], Sampler]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerSpec(Spec[P]):
    kind: ClassVar[str] = "sampler"
    build: Callable[[P, SamplerContext], Sampler]


# --- freezing strategies --------------------------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezingSpec(Spec[P]):
    kind: ClassVar[str] = "freezing"
    build: Callable[[P, FreezingContext], Freezing]


# --- detectors ------------------------------------------------------------------------------------------------------


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


D = TypeVar("D", bound=DetectorParams)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSpec(Spec[D]):
    """``learns=True``: ``Detector.fit`` wants the features of the training examples (one more pass over them, after
    training). ``params`` is a subclass of DetectorParams."""

    kind: ClassVar[str] = "detector"
    params_base: ClassVar[type[Params]] = DetectorParams
    build: Callable[[D, DetectorContext], Detector]
    learns: bool = False


# --- readers --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderSpec(Spec[P]):
    """``read`` yields the examples of a file or folder, ``detect`` says whether the path looks like this format
    (``reader: auto`` takes the one that says yes). ``sample`` writes a few examples in this format into an empty
    folder and says where: `nlu-kit plugins check` reads them."""

    kind: ClassVar[str] = "reader"
    read: Callable[[P, Path], Iterable[Example]]
    detect: Callable[[Path], bool]
    sample: Callable[[Path], Path] | None = None


# --- callbacks ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackContext:
    run_dir: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackSpec(Spec[P]):
    kind: ClassVar[str] = "callback"
    build: Callable[[P, CallbackContext], Callback]


AnySpec = Spec[Any]
