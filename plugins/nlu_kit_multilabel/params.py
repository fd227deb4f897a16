"""Parameters of the `multilabel_intent` head. No torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nlu_kit.specs import Params


class MultilabelParams(Params):
    """Parameters of `multilabel_intent`."""

    field: str = Field(
        default="intent",
        min_length=1,
        description="The field of the examples it learns from: a label or a list of labels. With an s at the end, it "
        "is the field of the prediction that it fills; examples may call theirs so, too.",
    )
    separator: str | None = Field(
        default=None,
        min_length=1,
        description="What stands between the labels where a corpus writes several into one string: '#' for "
        "'flight#airfare'. When absent, a string is one label.",
    )
    hidden: int | None = Field(
        default=None,
        ge=1,
        le=65_536,
        description="Width of a hidden layer before the classifier; when absent, there is none.",
    )
    dropout: float = Field(default=0.1, ge=0, lt=1, description="Dropout on the sentence vector while training.")
    threshold: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="The probability from which on a label is predicted, until dev has been used to tune it: a common "
        "threshold for rare labels, and one for each of the others.",
    )
    min_support: int = Field(
        default=10,
        ge=1,
        le=1_000_000,
        description="How many dev texts must have a label for it to get a threshold of its own.",
    )


class MultilabelState(Params):
    """What the codec keeps in a model folder."""

    threshold: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    thresholds: dict[str, Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]] = Field(default={})
