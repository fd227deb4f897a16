"""`sentence_transformer`: encoder and pooling as the sentence-transformers model folder describes them."""

from __future__ import annotations

from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

from nlu_kit.plugin import Backbone, BackboneContext, ModelError
from nlu_kit_backbones import EMBEDDED, MOST_TOKENS, SentenceTransformerParams
from nlu_kit_backbones.encoder import EncoderBackbone
from nlu_kit_backbones.guard import offline
from nlu_kit_backbones.packaged import PACKAGED, packaged_folder
from nlu_kit_backbones.quiet import quiet
from nlu_kit_backbones.source import embedded_folder, local_folder

_LONGEST = 512


@torch.inference_mode(mode=False)  # what is made in inference mode can neither train nor tell its layers
def build(params: SentenceTransformerParams, context: BackboneContext) -> Backbone:
    """Pre-trained, or restored from a model folder's assets."""
    if context.assets is not None:
        return EncoderBackbone.restore(context.assets)
    return _load(_folder(params.model, context.base_dir), params.max_length)


def _folder(model: str, base_dir: Path) -> Path:
    if model == EMBEDDED:
        return embedded_folder()
    if model in PACKAGED and not (base_dir / model).is_dir():
        return packaged_folder(PACKAGED[model])
    return local_folder(model, base_dir)


def _load(folder: Path, max_length: int | None) -> EncoderBackbone:
    if not (folder / "modules.json").is_file():
        raise ModelError(f"{folder} has no modules.json: for a plain encoder use the backbone 'transformer'")
    try:
        with quiet(), offline():
            model = SentenceTransformer(
                str(folder),
                device="cpu",
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True},
            )
    except Exception as error:  # whatever a module's own code raises for its folder
        raise ModelError(f"{folder} can't be loaded as a sentence-transformers model: {error}") from error
    modules = list(model)
    pooling = next((module for module in modules if isinstance(module, Pooling)), None)
    if not isinstance(modules[0], Transformer) or pooling is None:
        kinds = ", ".join(type(module).__name__ for module in modules)
        raise ModelError(f"{folder} is made of {kinds}; nlu-kit needs a Transformer and a Pooling")
    if not isinstance(pooling.pooling_mode, str):
        raise ModelError(f"{folder} joins several poolings {pooling.pooling_mode}; nlu-kit supports one")
    longest = model.max_seq_length  # 10^30 where neither the folder nor the encoder says any
    return EncoderBackbone.pretrained(
        modules[0].auto_model,
        modules[0].tokenizer,  # with all that the folder says of it: from a vocab.txt, or in lower case
        folder=folder,
        max_length=max_length,
        usual=longest if longest and longest <= MOST_TOKENS else _LONGEST,
        pooling=pooling.pooling_mode,
    )
