"""Bundled head `intent`: one label per sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nlu_kit.data.labels import LabelSpace
from nlu_kit.errors import NothingToLearnError
from nlu_kit.hookspecs import hookimpl
from nlu_kit.specs import CodecContext, HeadContext, HeadSpec
from nlu_kit_intent.annotation import label_of
from nlu_kit_intent.params import IntentParams, IntentState

if TYPE_CHECKING:
    from nlu_kit.data.example import Example
    from nlu_kit.model.modules import Head
    from nlu_kit.model.protocols import Codec

NLU_KIT_CONTRACT = 2


def _build(params: IntentParams, context: HeadContext) -> Head:
    from nlu_kit_intent.head import IntentHead

    return IntentHead(params, width=context.width, classes=len(context.labels))


def _codec(params: IntentParams, context: CodecContext) -> Codec:
    from nlu_kit_intent.codec import IntentCodec

    return IntentCodec(params, context.labels, context.state)


def _fit(params: IntentParams, examples: Sequence[Example]) -> LabelSpace:
    """Every label, sorted. Raises NothingToLearnError where no example has one."""
    labels = LabelSpace.fit(value for example in examples if (value := label_of(example, params.field)) is not None)
    if not len(labels):
        raise NothingToLearnError(f"no training example has a label in its field '{params.field}'")
    return labels


@hookimpl
def nlu_kit_heads() -> list[HeadSpec[Any]]:
    return [
        HeadSpec(
            name="intent",
            summary="One label per sentence, from the sentence vector: softmax, confidence, ranked top k.",
            params=IntentParams,
            build=_build,
            codec=_codec,
            fit=_fit,
            default_loss="cross_entropy",
            one_label=True,
            state=IntentState,
            default=True,
        )
    ]
