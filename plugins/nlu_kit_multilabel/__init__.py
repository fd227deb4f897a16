"""Bundled head `multilabel_intent`: any number of labels per sentence."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from nlu_kit.plugin import HeadSpec, LabelSetParams, hookimpl, lazy

NLU_KIT_CONTRACT = 2


class MultilabelParams(LabelSetParams):
    """Parameters of `multilabel_intent`."""

    field: str = Field(
        default="intent",
        min_length=1,
        description="The field of the examples it learns from: a label or a list of labels. With an s at the end, it "
        "is the field of the prediction that it fills; examples may call theirs so, too.",
    )


@hookimpl
def nlu_kit_heads() -> list[HeadSpec[Any]]:
    return [
        HeadSpec(
            name="multilabel_intent",
            summary="Any number of labels per sentence: sigmoid, a threshold for each label, tuned on dev.",
            params=MultilabelParams,
            codec=lazy("nlu_kit.plugin:LabelSetCodec"),
            build=lazy("nlu_kit.plugin:SentenceClassifier"),
            produces="multilabel_logits",
            default_loss="binary_cross_entropy",
        )
    ]
