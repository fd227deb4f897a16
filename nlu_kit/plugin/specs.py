"""What a plugin hands to the core: a descriptor (``*Spec``) for each component.

A spec is pure data. ``params`` (pydantic) validates the component's section of pipeline.json before anything heavy is
imported; ``build(params, context)`` makes the component: the class itself, or ``lazy("package.module:Class")`` where
importing it is not light. No component is named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from nlu_kit.data.example import Example
from nlu_kit.params import Params
from nlu_kit.plugin.contracts import (
    BackboneContext,
    BalancingContext,
    Callback,
    CallbackContext,
    Detector,
    DetectorContext,
    DetectorParams,
    Freezing,
    FreezingContext,
    LossContext,
    Sampler,
    SamplerContext,
)
from nlu_kit.plugin.deferred import loaded
from nlu_kit.plugin.objectives import ObjectiveContext, ObjectiveParams

if TYPE_CHECKING:  # numpy and torch
    from nlu_kit.heads.codec import Codec, CodecContext, HeadContext
    from nlu_kit.heads.modules import Head, Loss
    from nlu_kit.plugin.modules import Backbone, Balancing, PretrainingObjective

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
class BackboneSpec(Spec[P]):
    kind: ClassVar[str] = "backbone"
    build: Callable[[P, BackboneContext], Backbone]


# --- heads ----------------------------------------------------------------------------------------------------------


def _nothing(_: Params) -> Sequence[str]:
    return ()


def _never(_: Params) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSpec(Spec[P]):
    """A head has two halves: ``build`` makes the torch module, ``codec`` the torch-free one (label space, targets,
    decoding, counts); most are of a family (``LabelCodec``, ``LabelSetCodec``, ``SpanCodec``). ``produces`` says what
    the module's outputs are; the head's loss must consume it (``"own_loss"``: the head computes its loss itself).

    ``reads`` names the heads of the pipeline whose decoded predictions this one's codec wants (see
    ``Codec.decode_reading``). ``samples`` gives a few annotated examples for `nlu-kit plugins check`; a head of a
    family that learns from plain labels or entities, in whatever field, does not need them. ``few_examples``: what
    its parameters are by default where train has few examples of most of its labels; ``begins_at_fit`` whether with
    these parameters its module ``wants_vectors`` (see ``training.recipe``)."""

    kind: ClassVar[str] = "head"
    build: Callable[[P, HeadContext], Head]
    codec: Callable[[P, CodecContext], Codec[Any]]
    produces: str = "logits"
    default_loss: str | None = None
    reads: Callable[[P], Sequence[str]] = _nothing
    samples: Callable[[P], Sequence[Example]] | None = None
    few_examples: Mapping[str, Any] = field(default_factory=dict)
    begins_at_fit: Callable[[P], bool] = _never

    @property
    def one_label(self) -> bool:
        """Whether it gives one label a text, so that a detector can watch it."""
        return bool(getattr(loaded(self.codec), "one_label", False))


# --- losses and balancing -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSpec(Spec[P]):
    kind: ClassVar[str] = "loss"
    build: Callable[[P, LossContext], Loss]
    consumes: frozenset[str] = frozenset({"logits"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancingSpec(Spec[P]):
    kind: ClassVar[str] = "balancing"
    build: Callable[[P, BalancingContext], Balancing]


# --- samplers -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerSpec(Spec[P]):
    kind: ClassVar[str] = "sampler"
    build: Callable[[P, SamplerContext], Sampler]


# --- freezing strategies --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezingSpec(Spec[P]):
    """``few_examples``: what its parameters are by default where examples are few and every head begins at a fit;
    ``few_examples_at_random``: the same where some head begins at random (see ``training.recipe``)."""

    kind: ClassVar[str] = "freezing"
    build: Callable[[P, FreezingContext], Freezing]
    few_examples: Mapping[str, Any] = field(default_factory=dict)
    few_examples_at_random: Mapping[str, Any] = field(default_factory=dict)


# --- detectors ------------------------------------------------------------------------------------------------------


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
class CallbackSpec(Spec[P]):
    kind: ClassVar[str] = "callback"
    build: Callable[[P, CallbackContext], Callback]


# --- objectives of pre-training -------------------------------------------------------------------------------------


Teaching = TypeVar("Teaching", bound=ObjectiveParams)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveSpec(Spec[Teaching]):
    """``params`` is a subclass of ObjectiveParams. ``sample`` writes into an empty folder a little data, which `trial`
    names: `nlu-kit plugins check` learns from it."""

    kind: ClassVar[str] = "objective"
    params_base: ClassVar[type[Params]] = ObjectiveParams
    build: Callable[[Teaching, ObjectiveContext], PretrainingObjective]
    sample: Callable[[Path], None] | None = None


AnySpec = Spec[Any]
