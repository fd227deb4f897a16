"""Bundled head `intent`: one label per sentence."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from nlu_kit.plugin import HeadSpec, LabelParams, hookimpl, lazy

NLU_KIT_CONTRACT = 2


class IntentParams(LabelParams):
    """Parameters of `intent`."""

    field: str = Field(
        default="intent",
        min_length=1,
        description="The field of the examples it learns from, and of the prediction it fills.",
    )


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
            default=True,
        )
    ]
