"""Bundled backbones: `sentence_transformer` (the embedded all-MiniLM-L6-v2 by default) and `transformer`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nlu_kit.plugin import BackboneContext, BackboneSpec, hookimpl
from nlu_kit_backbones.params import SentenceTransformerParams, TransformerParams

if TYPE_CHECKING:
    from nlu_kit.plugin import Backbone

NLU_KIT_CONTRACT = 2


def _sentence_transformer(params: SentenceTransformerParams, context: BackboneContext) -> Backbone:
    from nlu_kit_backbones.sentence_transformer import build

    return build(params, context)


def _transformer(params: TransformerParams, context: BackboneContext) -> Backbone:
    from nlu_kit_backbones.transformer import build

    return build(params, context)


@hookimpl
def nlu_kit_backbones() -> list[BackboneSpec[Any]]:
    return [
        BackboneSpec(
            name="sentence_transformer",
            summary="A sentence-transformers model with its own pooling; by default the embedded all-MiniLM-L6-v2.",
            params=SentenceTransformerParams,
            build=_sentence_transformer,
            default=True,
        ),
        BackboneSpec(
            name="transformer",
            summary="Any Hugging Face encoder, from a local folder or a hub id, with mean, cls or max pooling.",
            params=TransformerParams,
            build=_transformer,
        ),
    ]
