"""The backbone both bundled types share: a Hugging Face encoder and a pooling."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from torch import Tensor, nn
from transformers import CONFIG_MAPPING, MODEL_MAPPING

from nlu_kit.plugin import Assets, Backbone, Encoded, ModelError, Params, TokenBatch, Tokenizer, check_stored
from nlu_kit_backbones import MOST_TOKENS
from nlu_kit_backbones.guard import check_config, offline
from nlu_kit_backbones.layers import describe, find_layers, set_aside, token_limit
from nlu_kit_backbones.quiet import quiet
from nlu_kit_backbones.resume import Blocks
from nlu_kit_backbones.trial import proven_starts, refuse_unknown_ids, try_out

CONFIG_FILE, SETTINGS_FILE = "config.json", "backbone.json"
MOST_IDS = 1 << 22


class Settings(Params):
    """backbone.json."""

    max_length: int = Field(ge=2, le=MOST_TOKENS)
    pad_id: int = Field(ge=0, lt=MOST_IDS)
    pooling: Literal["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]


class EncoderBackbone(Backbone):
    """Token vectors are the encoder's last hidden state; the sentence vector is ``pooling`` over them.

    The similarity-search layers of a sentence-transformers model (unit-length normalisation, projections) are left
    off: a classifier trains faster on the unscaled vector.

    ``full_precision``: the encoder computes in fp32 even where a run's precision is lower.
    """

    def __init__(self, encoder: Any, *, tokenizer: Tokenizer, pad_id: int, pooling: str) -> None:
        super().__init__()
        _refuse_half(encoder)
        _drop_pooler(encoder)
        self.encoder = encoder.float()  # a checkpoint stored in half precision loads as such; precision is the run's
        self._config = encoder.config
        if getattr(encoder.config, "trigram_input", False):  # MobileBERT joins each token with the next: let that be 0
            with torch.no_grad():
                encoder.get_input_embeddings().weight[pad_id].zero_()
        token_limit(encoder, asked=tokenizer.max_length, usual=tokenizer.max_length)  # damaged assets may say more
        self.tokenizer = tokenizer
        self.pad_id = pad_id
        layers = find_layers(encoder)
        refuse_unknown_ids(encoder, tokenizer)
        set_aside(encoder, layers.idle)
        self.width = layers.width
        self.pooling = Pooling(self.width, pooling_mode=pooling)
        self.layers = [f"encoder.{name}" for name in layers.prefixes]
        self._blocks = Blocks(encoder, layers)
        self._starts: list[int] | None = None
        self.full_precision = False
        self._whole_tokenizer: Any = None  # transformers' own, of the folder that it began at

    @classmethod
    def pretrained(
        cls, encoder: Any, tokenizer: Any, *, folder: Path, max_length: int | None, usual: int, pooling: str
    ) -> EncoderBackbone:
        """Of what transformers loaded from ``folder``, its tokenizer included, cut at ``max_length`` or else the
        ``usual`` number of tokens.

        Raises ModelError, with the reason, for what does not work as a backbone.
        """
        if not getattr(tokenizer, "is_fast", False):
            raise ModelError(f"{folder} has no fast tokenizer; nlu-kit needs one, for its offsets")
        for parameter in encoder.parameters():
            if parameter.untyped_storage().nbytes() > parameter.nbytes:  # a slice of a larger tensor can't be stored
                parameter.data = parameter.detach().clone()
        raw = tokenizer.backend_tokenizer
        limit = token_limit(encoder, asked=max_length, usual=usual)
        pad_id = next((i for i in (tokenizer.pad_token_id, encoder.config.pad_token_id) if i is not None), 0)
        backbone = cls(encoder, tokenizer=Tokenizer(raw, max_length=limit), pad_id=pad_id, pooling=pooling)
        backbone._whole_tokenizer = tokenizer
        try_out(backbone)
        return backbone

    @classmethod
    def restore(cls, assets: Assets) -> EncoderBackbone:
        """Rebuild from what ``save_assets`` wrote; the weights are random until they are loaded.

        Raises ModelError where the files don't describe an encoder of the size that the stored weights have, before
        anything of that size is allocated.
        """
        config = assets.json(CONFIG_FILE)
        check_config(config, assets.folder / CONFIG_FILE)
        settings = assets.settings(SETTINGS_FILE, Settings)
        try:
            with offline(), quiet():
                if assets.tensors:
                    with torch.device("meta"):
                        outline = _drop_pooler(_build(config)).float()
                    check_stored(outline, assets.tensors, prefix="encoder.", described=assets.folder / CONFIG_FILE)
                encoder = _build(config)
            tokenizer = Tokenizer.read(assets, max_length=settings.max_length)
            return cls(encoder, tokenizer=tokenizer, pad_id=settings.pad_id, pooling=settings.pooling)
        except (ModelError, MemoryError):
            raise
        except Exception as error:  # whatever an architecture's own code raises for its numbers
            raise ModelError(f"the backbone in {assets.folder} can't be rebuilt: {describe(error)}") from error

    def save_assets(self, folder: Path) -> None:
        config: dict[str, Any] = self._config.to_diff_dict()
        for key in ("_name_or_path", "dtype", "torch_dtype"):  # a path of this machine; how the original was stored
            config.pop(key, None)
        config["model_type"] = self._config.model_type
        _write_json(folder / CONFIG_FILE, config)
        settings = {
            "max_length": self.tokenizer.max_length,
            "pad_id": self.pad_id,
            "pooling": self.pooling.pooling_mode,
        }
        _write_json(folder / SETTINGS_FILE, settings)
        self.tokenizer.save(folder)

    def save_pretrained(self, folder: Path) -> None:
        """A folder for sentence-transformers, with what transformers' Auto classes load beside it."""
        if self._whole_tokenizer is None:
            raise ModelError("an encoder out of a trained model has no tokenizer of transformers: begin at its folder")
        with quiet():
            self.encoder.save_pretrained(folder)
            self._whole_tokenizer.save_pretrained(folder)
            transformer = Transformer(str(folder), max_seq_length=self.tokenizer.max_length)
            SentenceTransformer(modules=[transformer, self.pooling], device="cpu").save(
                str(folder), create_model_card=False
            )
            self.encoder.save_pretrained(folder)  # once more: loading it has added a pooler of random numbers

    def resume_points(self) -> Collection[int]:
        if self._starts is None:
            self._starts = proven_starts(self, self._blocks.starts)
        return self._starts

    def static_output(self, batch: TokenBatch, count: int) -> Tensor:
        return self._blocks.input_of(count, lambda: self._run(batch))

    def encode_lowest(self, batch: TokenBatch) -> None:
        """Run the embeddings and the lowest block, for nothing but the errors that they may raise."""
        self._blocks.run_lowest(lambda: self._run(batch))

    def _run(self, batch: TokenBatch) -> Tensor:
        inputs = {"input_ids": batch.ids_BT, "attention_mask": batch.mask_BT.long()}
        with torch.autocast(batch.ids_BT.device.type, enabled=False) if self.full_precision else nullcontext():
            output: Tensor = self.encoder(**inputs).last_hidden_state
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


def _build(config: Mapping[str, Any]) -> Any:
    """The architecture that a checked config.json names, by transformers' own tables: its Auto classes would also look
    for code to run."""
    configuration = CONFIG_MAPPING[config["model_type"]].from_dict(dict(config))
    model_class: Any = MODEL_MAPPING[type(configuration)]
    return model_class._from_config(configuration)


def _drop_pooler(encoder: Any) -> Any:
    """Without BERT's own pooler, trained for next-sentence prediction: its result is never used here. Not every
    architecture puts up with None in its place."""
    if hasattr(encoder, "pooler"):
        encoder.pooler = nn.Identity()
    return encoder


def _refuse_half(encoder: Any) -> None:
    """Raise ModelError for an encoder-decoder, and for the encoder of one: a saved model could not be rebuilt."""
    whole: Any = MODEL_MAPPING.get(type(encoder.config), type(encoder))
    if not isinstance(encoder, whole) or getattr(encoder.config, "is_encoder_decoder", False):
        raise ModelError(f"{type(encoder).__name__} belongs to an encoder-decoder; nlu-kit needs an encoder like BERT")
