"""Which examples make which batch: shuffled, drawn with weights, pooled by length."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nlu_kit.plugin import SamplerSpec, hookimpl
from nlu_kit_samplers.build import build_bucketed, build_random, build_weighted
from nlu_kit_samplers.params import BucketedParams, RandomParams, WeightedParams

NLU_KIT_CONTRACT = 2


@hookimpl
def nlu_kit_samplers() -> Iterable[SamplerSpec[Any]]:
    return [
        SamplerSpec(
            name="random",
            summary="Every example once an epoch, shuffled.",
            params=RandomParams,
            build=build_random,
        ),
        SamplerSpec(
            name="weighted",
            summary="Drawn with replacement; utterances that carry entities come up more often.",
            params=WeightedParams,
            build=build_weighted,
        ),
        SamplerSpec(
            name="bucketed",
            summary="The examples of another sampler, put into batches of similar length: less padding to compute.",
            params=BucketedParams,
            build=build_bucketed,
            default=True,
        ),
    ]
