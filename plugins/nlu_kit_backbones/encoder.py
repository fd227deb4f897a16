"""The backbone both bundled types share: a Hugging Face encoder and a pooling."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from sentence_transformers.sentence_transformer.modules import Pooling
from torch import Tensor
from transformers import MODEL_MAPPING, AutoConfig, AutoModel

from nlu_kit.data.encoding import Tokenizer
from nlu_kit.errors import ModelError
from nlu_kit.model.modules import Backbone, Encoded, TokenBatch
from nlu_kit_backbones.layers import layer_prefixes
from nlu_kit_backbones.resume import Blocks
from nlu_kit_backbones.source import read_config

SETTINGS_FILE = "backbone.json"


class EncoderBackbone(Backbone):
    """Token vectors are the encoder's last hidden state; the sentence vector is ``pooling`` over them.

    The similarity-search layers of a sentence-transformers model (unit-length normalisation, projections) are left
    off: a classifier trains faster on the unscaled vector.
    """

    def __init__(self, encoder: Any, *, tokenizer: Tokenizer, pad_id: int, pooling: str) -> None:
        super().__init__()
        _refuse_half(encoder)
        if hasattr(encoder, "pooler"):
            encoder.pooler = None  # BERT's own, trained for next-sentence prediction: never used here
        self.encoder = encoder.float()  # a checkpoint stored in half precision loads as such; precision is the run's
        self._config = encoder.config
        self.pooling = Pooling(encoder.config.hidden_size, pooling_mode=pooling)
        self.tokenizer = tokenizer
        self.pad_id = pad_id
        self.width: int = encoder.config.hidden_size
        prefixes = layer_prefixes(encoder)
        self.layers = [f"encoder.{name}" for name in prefixes]
        self._blocks = Blocks(encoder, prefixes)

    @classmethod
    def restore(cls, folder: Path) -> EncoderBackbone:
        """Rebuild from what ``save_assets`` wrote; the weights are random until they are loaded."""
        settings = read_config(folder / SETTINGS_FILE)
        try:
            encoder = AutoModel.from_config(AutoConfig.from_pretrained(folder))  # type: ignore[no-untyped-call]
            tokenizer = Tokenizer.load(folder, max_length=settings["max_length"])
            return cls(encoder, tokenizer=tokenizer, pad_id=settings["pad_id"], pooling=settings["pooling"])
        except (KeyError, ValueError, OSError) as error:
            raise ModelError(f"the backbone in {folder} can't be rebuilt: {error}") from error

    def save_assets(self, folder: Path) -> None:
        config: dict[str, Any] = self._config.to_diff_dict()
        for key in ("_name_or_path", "dtype", "torch_dtype"):  # a path of this machine; how the original was stored
            config.pop(key, None)
        config["model_type"] = self._config.model_type
        _write_json(folder / "config.json", config)
        settings = {
            "max_length": self.tokenizer.max_length,
            "pad_id": self.pad_id,
            "pooling": self.pooling.pooling_mode,
        }
        _write_json(folder / SETTINGS_FILE, settings)
        self.tokenizer.save(folder)

    def resume_points(self) -> Collection[int]:
        return self._blocks.starts

    def static_output(self, batch: TokenBatch, count: int) -> Tensor:
        return self._blocks.input_of(count, lambda: self._run(batch))

    def _run(self, batch: TokenBatch) -> Tensor:
        output: Tensor = self.encoder(input_ids=batch.ids_BT, attention_mask=batch.mask_BT.long()).last_hidden_state
        return output

    def _tokens(self, batch: TokenBatch) -> Tensor:
        if batch.static_BTD is None:
            return self._run(batch)
        return self._blocks.above(batch.start, batch.static_BTD, lambda: self._run(batch))

    def forward(self, batch: TokenBatch) -> Encoded:
        mask_BT = batch.mask_BT.long()
        tokens_BTD = self._tokens(batch)
        pooled = self.pooling({"token_embeddings": tokens_BTD, "attention_mask": mask_BT})
        return Encoded(tokens_BTD, pooled["sentence_embedding"], batch.mask_BT)


def _write_json(file: Path, value: dict[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _refuse_half(encoder: Any) -> None:
    """Raise ModelError for an encoder-decoder, and for the encoder of one: a saved model could not be rebuilt."""
    whole: Any = MODEL_MAPPING.get(type(encoder.config), type(encoder))
    if not isinstance(encoder, whole) or getattr(encoder.config, "is_encoder_decoder", False):
        raise ModelError(f"{type(encoder).__name__} belongs to an encoder-decoder; nlu-kit needs an encoder like BERT")
