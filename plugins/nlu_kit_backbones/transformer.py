"""`transformer`: any Hugging Face encoder with a fast tokenizer."""

from __future__ import annotations

import torch
from transformers import AutoModel, AutoTokenizer

from nlu_kit.errors import ModelError
from nlu_kit.model.modules import Backbone
from nlu_kit.specs import BackboneContext
from nlu_kit_backbones.encoder import EncoderBackbone
from nlu_kit_backbones.params import TransformerParams
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
        with quiet():
            encoder = AutoModel.from_pretrained(folder, trust_remote_code=False, use_safetensors=True)
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, use_fast=True)
    except Exception as error:  # whatever an architecture's own code raises for its folder
        raise ModelError(f"{folder} can't be loaded as a Hugging Face encoder: {error}") from error
    usual = min(_LONGEST, tokenizer.model_max_length)
    return EncoderBackbone.pretrained(
        encoder, tokenizer, folder=folder, max_length=params.max_length, usual=usual, pooling=params.pooling
    )
