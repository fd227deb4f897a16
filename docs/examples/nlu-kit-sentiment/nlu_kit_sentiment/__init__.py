"""A head `sentiment` for nlu-kit: how many stars a text gives, on an ordered scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field, model_validator

from nlu_kit.plugin import Example, HeadSpec, Params, hookimpl, lazy

NLU_KIT_CONTRACT = 2


class SentimentParams(Params):
    """Parameters of `sentiment`."""

    field: str = Field(
        default="stars",
        min_length=1,
        description="The field of the examples it learns from, a whole number, and of the prediction it fills.",
    )
    lowest: int = Field(default=1, ge=-1000, le=1000, description="The worst that can be given.")
    highest: int = Field(default=5, ge=-1000, le=1000, description="The best that can be given.")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="Dropout on the sentence vector while training.")

    @model_validator(mode="after")
    def _is_a_scale(self) -> SentimentParams:
        if not self.lowest < self.highest:
            raise ValueError(f"lowest must be below highest: {self.lowest} is not below {self.highest}")
        return self


def samples(params: SentimentParams) -> Sequence[Example]:
    """For `nlu-kit plugins check`: texts that are spread over the scale, whatever it is."""
    texts = ("cold soup, rude waiters", "too loud", "nothing special", "quite pleasant", "the best evening in years")
    width, last = params.highest - params.lowest, len(texts) - 1
    return [Example(text=t, labels={params.field: params.lowest + width * i // last}) for i, t in enumerate(texts)]


@hookimpl
def nlu_kit_heads() -> list[HeadSpec[Any]]:
    return [
        HeadSpec(
            name="sentiment",
            summary="Stars on an ordered scale, from the sentence vector: ordinal regression (CORAL).",
            params=SentimentParams,
            codec=lazy("nlu_kit_sentiment.codec:SentimentCodec"),
            build=lazy("nlu_kit_sentiment.head:SentimentHead"),
            produces="own_loss",
            samples=samples,
        )
    ]
