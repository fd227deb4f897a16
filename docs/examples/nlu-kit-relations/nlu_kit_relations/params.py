"""Parameters of the `relations` head. No torch."""

from __future__ import annotations

from pydantic import Field

from nlu_kit.plugin import Params


class RelationsParams(Params):
    """Parameters of `relations`."""

    entities: str = Field(
        default="ner", min_length=1, description="The head of the pipeline whose entities are looked at in pairs."
    )
    spans: str = Field(
        default="entities",
        min_length=1,
        description="That head's field: where the entities are, in the examples and in what it predicts.",
    )
    field: str = Field(
        default="relations",
        min_length=1,
        description="The field of the examples it learns from, and of the prediction it fills.",
    )
    hidden: int = Field(
        default=64, ge=1, description="Width of the two layers whose outputs are multiplied: R in the head's costs."
    )
    dropout: float = Field(default=0.1, ge=0, lt=1, description="Dropout on the token vectors while training.")
