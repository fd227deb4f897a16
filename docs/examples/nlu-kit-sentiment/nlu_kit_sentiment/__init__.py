"""A head `sentiment` for nlu-kit: how many stars a text gives, on an ordered scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nlu_kit.plugin import CodecContext, DataError, HeadContext, HeadSpec, LabelSpace, hookimpl
from nlu_kit_sentiment.annotation import stars_of
from nlu_kit_sentiment.params import SentimentParams
from nlu_kit_sentiment.samples import samples

if TYPE_CHECKING:
    from nlu_kit.plugin import Codec, Example, Head

NLU_KIT_CONTRACT = 2


def _build(params: SentimentParams, context: HeadContext) -> Head:
    from nlu_kit_sentiment.head import SentimentHead

    return SentimentHead(params, width=context.width, steps=len(context.labels))


def _codec(params: SentimentParams, context: CodecContext) -> Codec:
    from nlu_kit_sentiment.codec import SentimentCodec

    return SentimentCodec(params, context.labels, context.state)


def _fit(params: SentimentParams, examples: Sequence[Example]) -> LabelSpace:
    """Every step of the scale, lowest first, also those that no example has: their order is known all the same.

    Raises DataError where no example has stars.
    """
    if all(stars_of(example, params) is None for example in examples):
        raise DataError(f"no training example has stars in its field '{params.field}'")
    return LabelSpace(tuple(str(stars) for stars in range(params.lowest, params.highest + 1)))


@hookimpl
def nlu_kit_heads() -> list[HeadSpec[Any]]:
    return [
        HeadSpec(
            name="sentiment",
            summary="Stars on an ordered scale, from the sentence vector: ordinal regression (CORAL).",
            params=SentimentParams,
            build=_build,
            codec=_codec,
            fit=_fit,
            produces="own_loss",
            samples=samples,
        )
    ]
