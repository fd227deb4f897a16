"""Bundled backbones: `sentence_transformer` (the embedded all-MiniLM-L6-v2 by default) and `transformer`."""

from __future__ import annotations

from typing import Any

from nlu_kit.plugin import BackboneSpec, hookimpl, lazy
from nlu_kit_backbones.params import SentenceTransformerParams, TransformerParams

NLU_KIT_CONTRACT = 2


@hookimpl
def nlu_kit_backbones() -> list[BackboneSpec[Any]]:
    return [
        BackboneSpec(
            name="sentence_transformer",
            summary="A sentence-transformers model with its own pooling; by default the embedded all-MiniLM-L6-v2.",
            params=SentenceTransformerParams,
            build=lazy("nlu_kit_backbones.sentence_transformer:build"),
            default=True,
        ),
        BackboneSpec(
            name="transformer",
            summary="Any Hugging Face encoder, from a local folder or a hub id, with mean, cls or max pooling.",
            params=TransformerParams,
            build=lazy("nlu_kit_backbones.transformer:build"),
        ),
    ]
