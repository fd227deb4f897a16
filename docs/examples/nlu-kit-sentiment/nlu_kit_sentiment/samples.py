"""A few examples with stars: what the contract checks try the head with. No torch."""

from __future__ import annotations

from collections.abc import Sequence

from nlu_kit.plugin import Example
from nlu_kit_sentiment.params import SentimentParams

_WORST_TO_BEST = (
    "the worst meal we ever had",
    "cold soup and rude waiters",
    "we left hungry and annoyed",
    "not really worth the price",
    "the room was a bit too loud",
    "nothing special, nothing wrong",
    "an average place in every way",
    "quite a pleasant evening",
    "good food and quick service",
    "we had a lovely time there",
    "everything was simply perfect",
    "the best evening in years",
)


def samples(params: SentimentParams) -> Sequence[Example]:
    """Spread over the scale, whatever it is."""
    width, last = params.highest - params.lowest, len(_WORST_TO_BEST) - 1
    return [
        Example(text=text, labels={params.field: params.lowest + width * place // last})
        for place, text in enumerate(_WORST_TO_BEST)
    ]
