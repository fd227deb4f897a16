"""Parameters of the `ner` head. No torch."""

from __future__ import annotations

from pydantic import Field

from nlu_kit.specs import Params


class NerParams(Params):
    """Parameters of `ner`."""

    field: str = Field(
        default="entities",
        min_length=1,
        description="The field of the examples it learns from, and of the prediction it fills.",
    )
    hidden: int | None = Field(
        default=None, ge=1, description="Width of a hidden layer before the classifier; when absent, there is none."
    )
    dropout: float = Field(default=0.1, ge=0, lt=1, description="Dropout on the token vectors while training.")
