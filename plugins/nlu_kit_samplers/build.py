"""From params to samplers; numpy and torch are imported only when a sampler is built."""

from __future__ import annotations

from nlu_kit.plugin import Sampler, SamplerContext
from nlu_kit_samplers.params import BucketedParams, RandomParams, WeightedParams


def build_random(params: RandomParams, context: SamplerContext) -> Sampler:
    """The sampler ``random``."""
    from nlu_kit_samplers.random import RandomSampler

    return RandomSampler(context.examples, batch_size=context.batch_size, seed=context.seed)


def build_weighted(params: WeightedParams, context: SamplerContext) -> Sampler:
    """The sampler ``weighted``."""
    from nlu_kit_samplers.weighted import WeightedSampler

    return WeightedSampler(
        context.examples,
        strength=params.strength,
        field=params.field,
        batch_size=context.batch_size,
        seed=context.seed,
    )


def build_bucketed(params: BucketedParams, context: SamplerContext) -> Sampler:
    """The sampler ``bucketed`` around the one that ``base`` names."""
    from nlu_kit_samplers.bucketed import BucketedSampler

    return BucketedSampler(
        context.nested(params.base),
        lengths=context.lengths,
        batch_size=context.batch_size,
        pool_batches=params.pool_batches,
        seed=context.seed,
    )
