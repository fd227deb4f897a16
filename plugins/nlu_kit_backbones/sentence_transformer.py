"""`sentence_transformer`: encoder and pooling as the sentence-transformers model folder describes them."""

from __future__ import annotations

from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

from nlu_kit.data.encoding import Tokenizer
from nlu_kit.errors import ModelError
from nlu_kit.model.modules import Backbone
from nlu_kit.specs import BackboneContext
from nlu_kit_backbones.embedded import embedded_folder
from nlu_kit_backbones.encoder import EncoderBackbone
from nlu_kit_backbones.layers import token_limit
from nlu_kit_backbones.params import EMBEDDED, SentenceTransformerParams
from nlu_kit_backbones.quiet import quiet
from nlu_kit_backbones.source import local_folder

_LONGEST = 512


@torch.inference_mode(mode=False)  # what is made in inference mode can neither train nor tell its layers
def build(params: SentenceTransformerParams, context: BackboneContext) -> Backbone:
    """Pre-trained, or restored from a model folder's assets."""
    if context.assets is not None:
        return EncoderBackbone.restore(context.assets)
    folder = embedded_folder() if params.model == EMBEDDED else local_folder(params.model, context.base_dir)
    return _load(folder, params.max_length)


def _load(folder: Path, max_length: int | None) -> EncoderBackbone:
    if not (folder / "modules.json").is_file():
        raise ModelError(f"{folder} has no modules.json: for a plain encoder use the backbone 'transformer'")
    try:
        with quiet():
            model = SentenceTransformer(
                str(folder),
                device="cpu",
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True},
            )
    except (OSError, ValueError, ImportError) as error:
        raise ModelError(f"{folder} can't be loaded as a sentence-transformers model: {error}") from error
    modules = list(model)
    pooling = next((module for module in modules if isinstance(module, Pooling)), None)
    if not isinstance(modules[0], Transformer) or pooling is None:
        kinds = ", ".join(type(module).__name__ for module in modules)
        raise ModelError(f"{folder} is made of {kinds}; nlu-kit needs a Transformer and a Pooling")
    encoder = modules[0].auto_model
    if not isinstance(pooling.pooling_mode, str):
        raise ModelError(f"{folder} joins several poolings {pooling.pooling_mode}; nlu-kit supports one")
    limit = token_limit(encoder, asked=max_length, usual=model.max_seq_length or _LONGEST)
    return EncoderBackbone(
        encoder,
        tokenizer=Tokenizer.load(folder, max_length=limit),
        pad_id=encoder.config.pad_token_id or 0,
        pooling=pooling.pooling_mode,
    )
