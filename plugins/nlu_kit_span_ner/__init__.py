"""Bundled head `span_ner`: entities that may nest and overlap, by classifying every span of words."""

from __future__ import annotations

from typing import Any

from nlu_kit.plugin import HeadSpec, hookimpl, lazy
from nlu_kit_span_ner.params import SpanNerParams

NLU_KIT_CONTRACT = 2


@hookimpl
def nlu_kit_heads() -> list[HeadSpec[Any]]:
    return [
        HeadSpec(
            name="span_ner",
            summary="Entities that may nest and overlap: every span of up to max_width words is classified.",
            params=SpanNerParams,
            codec=lazy("nlu_kit_span_ner.codec:SpanNerCodec"),
            build=lazy("nlu_kit_span_ner.head:SpanNerHead"),
            default_loss="weighted_cross_entropy",
        )
    ]
