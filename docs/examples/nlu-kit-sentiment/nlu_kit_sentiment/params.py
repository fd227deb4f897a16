"""Parameters of the `sentiment` head. No torch."""

from __future__ import annotations

from pydantic import Field, model_validator

from nlu_kit.plugin import Params


class SentimentParams(Params):
    """Parameters of `sentiment`."""

    field: str = Field(
        default="stars", min_length=1, description="The field of the examples it learns from: a whole number."
    )
    output: str = Field(default="sentiment", min_length=1, description="The field of the prediction it fills.")
    lowest: int = Field(default=1, description="The worst that can be given.")
    highest: int = Field(default=5, description="The best that can be given.")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="Dropout on the sentence vector while training.")

    @model_validator(mode="after")
    def _is_a_scale(self) -> SentimentParams:
        if not self.lowest < self.highest:
            raise ValueError(f"lowest must be below highest: {self.lowest} is not below {self.highest}")
        return self
