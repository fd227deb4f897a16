"""`transformer`: any Hugging Face encoder with a fast tokenizer."""

from __future__ import annotations

import torch
from transformers import AutoModel, AutoTokenizer

from nlu_kit.plugin import Backbone, BackboneContext, ModelError
from nlu_kit_backbones import TransformerParams
from nlu_kit_backbones.encoder import EncoderBackbone
from nlu_kit_backbones.guard import offline
from nlu_kit_backbones.quiet import quiet
from nlu_kit_backbones.source import local_folder

_LONGEST = 512


@torch.inference_mode(mode=False)  # what is made in inference mode can neither train nor tell its layers
def build(params: TransformerParams, context: BackboneContext) -> Backbone:
    """Pre-trained, or restored from a model folder's assets."""
    if context.assets is not None:
        return EncoderBackbone.restore(context.assets)
    folder = local_folder(params.model, context.base_dir)
    try:
        with quiet(), offline():
            loading = {"trust_remote_code": False, "local_files_only": True}
            encoder, info = AutoModel.from_pretrained(folder, use_safetensors=True, output_loading_info=True, **loading)
            tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, **loading)
    except Exception as error:  # whatever an architecture's own code raises for its folder
        raise ModelError(f"{folder} can't be loaded as a Hugging Face encoder: {error}") from error
    missing = sorted(name for name in info["missing_keys"] if not name.startswith("pooler."))
    if missing:  # transformers would go on with random numbers
        raise ModelError(f"{folder} lacks {len(missing)} of the encoder's weights, for instance {missing[0]}")
    usual = min(_LONGEST, tokenizer.model_max_length)
    return EncoderBackbone.pretrained(
        encoder, tokenizer, folder=folder, max_length=params.max_length, usual=usual, pooling=params.pooling
    )
