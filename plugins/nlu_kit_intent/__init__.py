"""Bundled heads for one label a text: `intent`, and `prototype_intent`, which takes labels without an example."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from nlu_kit.plugin import HeadSpec, LabelParams, LabelTexts, OneLabelParams, hookimpl, lazy

NLU_KIT_CONTRACT = 2


class IntentParams(LabelParams):
    """Parameters of `intent`."""

    field: str = Field(
        default="intent",
        min_length=1,
        description="The field of the examples it learns from, and of the prediction it fills.",
    )


class PrototypeParams(OneLabelParams):
    """Parameters of `prototype_intent`."""

    field: str = Field(
        default="intent",
        min_length=1,
        description="The field of the examples it learns from, and of the prediction it fills.",
    )
    label_texts: LabelTexts = Field(
        default=True,
        description="What the labels are called, each one more example. true: their names, with '_' and the like read "
        "as spaces, unless they say nothing of the labels' examples or are other labels' names, too; or other texts by "
        "label, which replace their names. A label that train lacks is a new one, whose only example is this text.",
    )
    scale: float = Field(
        default=20.0,
        gt=0,
        le=1000,
        description="What the cosines are multiplied with: how sure a text close to one label is while training. "
        "Calibration sets it right afterwards.",
    )


def _initialised(params: IntentParams) -> bool:
    return params.initialise == "examples"


def _always(_: PrototypeParams) -> bool:
    return True


@hookimpl
def nlu_kit_heads() -> list[HeadSpec[Any]]:
    return [
        HeadSpec(
            name="intent",
            summary="One label per sentence, from the sentence vector: softmax, confidence, ranked top k.",
            params=IntentParams,
            codec=lazy("nlu_kit.plugin:LabelCodec"),
            build=lazy("nlu_kit.plugin:SentenceClassifier"),
            default_loss="cross_entropy",
            few_examples={"initialise": "examples", "label_texts": True},
            begins_at_fit=_initialised,
            default=True,
        ),
        HeadSpec(
            name="prototype_intent",
            summary="One label per sentence, the one whose examples are closest on average; a name makes a new label.",
            params=PrototypeParams,
            codec=lazy("nlu_kit_intent.codec:PrototypeCodec"),
            build=lazy("nlu_kit_intent.prototypes:Prototypes"),
            default_loss="cross_entropy",
            begins_at_fit=_always,
        ),
    ]
