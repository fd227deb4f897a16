"""What the head's field of a prediction holds. No torch, no numpy."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SentimentPrediction:
    """``value``: the expected number of stars, with fractions; ``stars``: the whole number that the head decides for;
    ``confidence``: the probability of just that number.

    Two are equal if their stars are: what training shows beside the annotation is marked only where these differ.
    """

    value: float = field(compare=False)
    stars: int
    confidence: float = field(compare=False)

    def __str__(self) -> str:
        return f"{self.stars} ({self.value:.1f}, confidence {self.confidence:.2f})"
