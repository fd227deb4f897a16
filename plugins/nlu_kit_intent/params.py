"""Parameters of the `intent` head. No torch."""

from __future__ import annotations

from pydantic import Field

from nlu_kit.specs import Params


class IntentParams(Params):
    """Parameters of `intent`."""

    field: str = Field(
        default="intent",
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
    top_k: int = Field(default=5, ge=1, le=10_000, description="How many ranked labels a prediction lists.")


class IntentState(Params):
    """What the codec keeps in a model folder."""

    temperature: float = Field(default=1.0, gt=0, le=1e6, allow_inf_nan=False)
