"""Which examples make which batch: shuffled, drawn with weights, pooled by length."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field

from nlu_kit.plugin import Component, Nested, Params, SamplerSpec, hookimpl, lazy

NLU_KIT_CONTRACT = 2


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
        default_factory=lambda: Component(type="random"),
        description="The sampler that chooses the examples and their order.",
    )
    pool_batches: int = Field(
        default=50,
        ge=1,
        le=1_000_000,
        description="Batches' worth of examples that are sorted by length together: more is less padding, "
        "fewer is more mixing.",
    )


@hookimpl
def nlu_kit_samplers() -> Iterable[SamplerSpec[Any]]:
    return [
        SamplerSpec(
            name="random",
            summary="Every example once an epoch, shuffled.",
            params=RandomParams,
            build=lazy("nlu_kit_samplers.samplers:RandomSampler"),
        ),
        SamplerSpec(
            name="weighted",
            summary="Drawn with replacement; utterances that carry entities come up more often.",
            params=WeightedParams,
            build=lazy("nlu_kit_samplers.samplers:WeightedSampler"),
        ),
        SamplerSpec(
            name="bucketed",
            summary="The examples of another sampler, put into batches of similar length: less padding to compute.",
            params=BucketedParams,
            build=lazy("nlu_kit_samplers.samplers:BucketedSampler"),
            default=True,
        ),
    ]
