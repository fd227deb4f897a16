"""Parameters that the heads of a family share. Subclass one and change its defaults; add your own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from nlu_kit.params import Params

LabelTexts = bool | dict[str, Annotated[str, Field(min_length=1)]]
Temperature = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]


class SentenceParams(Params):
    """Of a head that classifies the whole text (see ``SentenceClassifier``)."""

    field: str = Field(
        default="label",
        min_length=1,
        description="The field of the examples it learns from, and of the prediction it fills.",
    )
    hidden: int | None = Field(
        default=None,
        ge=1,
        le=65_536,
        description="Width of a hidden layer before the classifier; when absent, there is none.",
    )
    dropout: float = Field(default=0.1, ge=0, lt=1, description="Dropout on the sentence vector while training.")


class OneLabelParams(Params):
    """Of a head that gives one label a text, however it finds it."""

    field: str = Field(
        default="label",
        min_length=1,
        description="The field of the examples it learns from, and of the prediction it fills.",
    )
    top_k: int = Field(default=5, ge=1, le=10_000, description="How many ranked labels a prediction lists.")
    label_texts: LabelTexts = Field(
        default=False,
        description="Learn from what the labels are called, too. true: each label's name is one more example, with '_' "
        "and the like read as spaces, unless it says nothing of the label's examples or is another label's name, too. "
        "Or other texts by label, which replace their names.",
    )


class LabelParams(SentenceParams, OneLabelParams):
    """Of a head that gives one label a text by a classifier on its sentence vector."""

    initialise: Literal["random", "examples"] = Field(
        default="random",
        description="Where the classifier begins. examples: at a logistic regression on the untrained encoder's "
        "sentence vectors, scaled to length 1; better with few examples a label. It goes without `hidden`.",
    )

    @model_validator(mode="after")
    def _one_layer(self) -> LabelParams:
        if self.initialise == "examples" and self.hidden is not None:
            raise ValueError("initialise 'examples' fits one layer: leave `hidden` out")
        return self


class LabelSetParams(SentenceParams):
    """Of a head that gives any number of labels a text."""

    separator: str | None = Field(
        default=None,
        min_length=1,
        description="What stands between the labels where a corpus writes several into one string: '#' for "
        "'flight#airfare'. When absent, a string is one label.",
    )
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


class SpanParams(Params):
    """Of a head that finds spans of the text."""

    field: str = Field(
        default="entities",
        min_length=1,
        description="The field of the examples it learns from, and of the prediction it fills.",
    )


class TemperatureState(Params):
    """What a codec keeps in a model folder that calibrates a temperature."""

    temperature: Temperature = 1.0
