"""Bundled head `multilabel_intent`: any number of labels per sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nlu_kit.data.labels import LabelSpace
from nlu_kit.errors import NothingToLearnError
from nlu_kit.hookspecs import hookimpl
from nlu_kit.specs import CodecContext, HeadContext, HeadSpec
from nlu_kit_multilabel.annotation import labels_of
from nlu_kit_multilabel.params import MultilabelParams, MultilabelState

if TYPE_CHECKING:
    from nlu_kit.data.example import Example
    from nlu_kit.model.modules import Head
    from nlu_kit.model.protocols import Codec

NLU_KIT_CONTRACT = 2


def _build(params: MultilabelParams, context: HeadContext) -> Head:
    from nlu_kit_multilabel.head import MultilabelHead

    return MultilabelHead(params, width=context.width, classes=len(context.labels))


def _codec(params: MultilabelParams, context: CodecContext) -> Codec:
    from nlu_kit_multilabel.codec import MultilabelCodec

    return MultilabelCodec(params, context.labels, context.state)


def _fit(params: MultilabelParams, examples: Sequence[Example]) -> LabelSpace:
    """Every label, sorted. Raises NothingToLearnError where no example has one."""
    labels = LabelSpace.fit(
        label for example in examples for label in labels_of(example, params.field, params.separator) or ()
    )
    if not len(labels):
        raise NothingToLearnError(f"no training example has a label in its field '{params.field}'")
    return labels


@hookimpl
def nlu_kit_heads() -> list[HeadSpec[Any]]:
    return [
        HeadSpec(
            name="multilabel_intent",
            summary="Any number of labels per sentence: sigmoid, a threshold for each label, tuned on dev.",
            params=MultilabelParams,
            build=_build,
            codec=_codec,
            fit=_fit,
            produces="multilabel_logits",
            state=MultilabelState,
            default_loss="binary_cross_entropy",
        )
    ]
