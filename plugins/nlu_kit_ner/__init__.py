"""Bundled heads `ner` and `crf_ner`: entities as tags of words."""

from __future__ import annotations

from typing import Any

from nlu_kit.plugin import HeadSpec, hookimpl, lazy
from nlu_kit_ner.params import CrfNerParams, NerParams

NLU_KIT_CONTRACT = 2


@hookimpl
def nlu_kit_heads() -> list[HeadSpec[Any]]:
    return [
        HeadSpec(
            name="ner",
            summary="Entities: word-level BIO or BILOU tags, legal sequences only, offsets into the raw text.",
            params=NerParams,
            codec=lazy("nlu_kit_ner.codec:NerCodec"),
            build=lazy("nlu_kit_ner.head:NerHead"),
            default_loss="weighted_cross_entropy",
            default=True,
        ),
        HeadSpec(
            name="crf_ner",
            summary="Entities as `ner`, with a CRF that learns which tag follows which; computes its own loss.",
            params=CrfNerParams,
            codec=lazy("nlu_kit_ner.codec:CrfNerCodec"),
            build=lazy("nlu_kit_ner.crf_head:CrfNerHead"),
            produces="own_loss",
        ),
    ]
