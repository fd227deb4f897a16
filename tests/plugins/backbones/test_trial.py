"""What does not work is found before anything trains, and said with the reason."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tokenizers.pre_tokenizers import PreTokenizer
from transformers import AutoModel, BertConfig

from nlu_kit.errors import ModelError
from nlu_kit_backbones import layers
from nlu_kit_backbones.encoder import EncoderBackbone


@pytest.fixture
def encoder(raw_tokenizer: Any) -> Any:
    size = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    words = raw_tokenizer().get_vocab_size()
    return AutoModel.from_config(BertConfig(vocab_size=words, max_position_embeddings=20, **size))


def pretrained(encoder: Any, raw: Any, **changes: Any) -> EncoderBackbone:
    tokenizer = SimpleNamespace(is_fast=True, backend_tokenizer=raw, pad_token_id=0)
    options: dict[str, Any] = {"folder": Path("model"), "max_length": None, "usual": 16, "pooling": "mean"}
    return EncoderBackbone.pretrained(encoder, tokenizer, **{**options, **changes})


def test_what_works(encoder: Any, raw_tokenizer: Any) -> None:
    encoder.train()
    state = torch.random.get_rng_state()
    backbone = pretrained(encoder, raw_tokenizer())
    assert all(module.training for module in backbone.modules())
    assert torch.equal(state, torch.random.get_rng_state()), "a run does not depend on the trial"
    assert not backbone.full_precision
    assert not any(module._forward_pre_hooks for module in encoder.modules())


def test_a_tokenizer_with_words_that_the_encoder_does_not_know(encoder: Any, raw_tokenizer: Any) -> None:
    raw, known = raw_tokenizer(), encoder.config.vocab_size
    raw.add_special_tokens(["<extra>"])  # which no text is encoded to
    pretrained(encoder, raw)
    raw.add_tokens(["jukebox"])
    message = (
        rf"ids up to {known + 1}, but the encoder vectors for {known} words only: are these the files of one model"
    )
    with pytest.raises(ModelError, match=message):
        pretrained(encoder, raw)


def test_a_tokenizer_that_can_not_be_stored(encoder: Any, raw_tokenizer: Any) -> None:
    class Blanks:
        def pre_tokenize(self, text: Any) -> None:
            text.split(lambda i, string: string.split(" "))

    raw = raw_tokenizer()
    raw.pre_tokenizer = PreTokenizer.custom(Blanks())
    with pytest.raises(
        ModelError, match=r"tokenizer or configuration can't be stored: Exception: .*cannot be serialized"
    ):
        pretrained(encoder, raw)


def test_a_tokenizer_without_offsets(encoder: Any) -> None:
    with pytest.raises(ModelError, match="model has no fast tokenizer"):
        EncoderBackbone.pretrained(
            encoder, SimpleNamespace(is_fast=False), folder=Path("model"), max_length=None, usual=16, pooling="mean"
        )


def test_fewer_positions_than_the_encoder_says(
    encoder: Any, raw_tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "usable_positions", lambda _: None)
    assert pretrained(encoder, raw_tokenizer(), max_length=20).tokenizer.max_length == 20
    with pytest.raises(ModelError, match=r"can't encode a text of 21 tokens, .* short one .*Error: .*\); set backbone"):
        pretrained(encoder, raw_tokenizer(), max_length=21)


def test_the_slice_of_a_larger_tensor_becomes_a_tensor_of_its_own(encoder: Any, raw_tokenizer: Any) -> None:
    query = encoder.encoder.layer[0].attention.self.query.weight
    both = torch.cat([query.detach(), query.detach()])
    query.data = both[:16]
    backbone = pretrained(encoder, raw_tokenizer())
    assert all(parameter.untyped_storage().nbytes() == parameter.nbytes for parameter in backbone.parameters())
    assert torch.equal(query, both[16:])
