"""Parameters of the `span_ner` head. No torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nlu_kit.plugin import SpanParams

Overlap = Literal["allow", "nested", "flat"]


class SpanNerParams(SpanParams):
    """Parameters of `span_ner`."""

    max_width: int = Field(
        default=8,
        ge=1,
        le=64,
        description="The most words that an entity may have. Wider ones are not learnt, but counted and reported; time "
        "and memory grow with it.",
    )
    overlap: Overlap = Field(
        default="nested",
        description="Which entities of one text may share words: 'nested' those of which one lies within the other, "
        "'allow' any, 'flat' none. Of two that may not, the surer is predicted.",
    )
    hidden: int = Field(
        default=256, ge=1, le=65_536, description="Width of the hidden layer in which the ends of a span meet."
    )
    dropout: float = Field(
        default=0.1, ge=0, lt=1, description="Dropout on the token vectors and the hidden layer while training."
    )
