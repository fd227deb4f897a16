"""The parameters of the samplers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nlu_kit.plugin import Component, Nested, Params


class RandomParams(Params):
    """``random`` has no parameters."""


class WeightedParams(Params):
    """Parameters of ``weighted``."""

    strength: float = Field(
        default=2.0,
        ge=1,
        le=1e6,
        description="How many times as often an utterance with entities is drawn as one without; 1 draws evenly.",
    )
    field: str = Field(
        default="entities", min_length=1, description="The field of the examples that holds the entities in question."
    )


class BucketedParams(Params):
    """Parameters of ``bucketed``."""

    base: Annotated[Component, Nested("sampler")] = Field(
        default=Component(type="random"), description="The sampler that chooses the examples and their order."
    )
    pool_batches: int = Field(
        default=50,
        ge=1,
        le=1_000_000,
        description="Batches' worth of examples that are sorted by length together: more is less padding, "
        "fewer is more mixing.",
    )
