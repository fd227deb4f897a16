"""However a checkpoint is stored, the backbone computes in fp32: precision is the run's choice, not the file's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, BertConfig, ModernBertConfig

from nlu_kit.assets import Assets
from nlu_kit.data.batch import collate_tokens
from nlu_kit.plugin.contracts import BackboneContext
from nlu_kit.plugin.modules import Backbone
from nlu_kit_backbones import SentenceTransformerParams, TransformerParams, sentence_transformer, transformer

CONTEXT = BackboneContext(base_dir=Path())
COMMON = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


@pytest.fixture(params=["bert-bf16", "bert-fp16", "modernbert-bf16"])
def stored(request: pytest.FixtureRequest, tmp_path: Path, save_encoder: Any, raw_tokenizer: Any) -> tuple[Path, Path]:
    """A folder in half precision, and one that holds the same numbers as fp32."""
    name, dtype = request.param.split("-")
    config_class = {"bert": BertConfig, "modernbert": ModernBertConfig}[name]
    config = config_class(vocab_size=raw_tokenizer().get_vocab_size(), pad_token_id=0, **COMMON)
    half, full = (save_encoder(tmp_path / kind, config) for kind in ("half", "full"))
    encoder = AutoModel.from_pretrained(half).to(torch.bfloat16 if dtype == "bf16" else torch.float16)
    encoder.save_pretrained(half)
    encoder.float().save_pretrained(full)
    return half, full


def tokens(backbone: Backbone) -> torch.Tensor:
    batch = collate_tokens(backbone.tokenizer.encode(["book a table in Paris"]), pad_id=0, device=torch.device("cpu"))
    with torch.inference_mode():
        encoded: torch.Tensor = backbone.eval()(batch).tokens_BTD
    return encoded


def test_half_precision_is_loaded_as_fp32(stored: tuple[Path, Path], tmp_path: Path) -> None:
    half, full = (transformer.build(TransformerParams(model=str(folder)), CONTEXT) for folder in stored)
    assert json.loads((stored[0] / "config.json").read_text(encoding="utf-8"))["dtype"] != "float32"
    assert {parameter.dtype for parameter in half.parameters()} == {torch.float32}
    assert torch.equal(tokens(half), tokens(full))

    assets = tmp_path / "assets"
    assets.mkdir()
    half.save_assets(assets)
    config = json.loads((assets / "config.json").read_text(encoding="utf-8"))
    assert not {"dtype", "torch_dtype"} & set(config)
    restored = transformer.build(
        TransformerParams(model="gone"), BackboneContext(base_dir=Path(), assets=Assets(folder=assets))
    )
    restored.load_state_dict(half.state_dict())
    assert {parameter.dtype for parameter in restored.parameters()} == {torch.float32}
    assert torch.equal(tokens(restored), tokens(full))


def test_a_sentence_transformer_in_half_precision(stored: tuple[Path, Path], tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    folder = tmp_path / "st"
    encoder = Transformer(str(stored[0]), max_seq_length=16)
    SentenceTransformer(modules=[encoder, Pooling(32, pooling_mode="mean")], device="cpu").save(str(folder))
    backbone = sentence_transformer.build(SentenceTransformerParams(model=str(folder)), CONTEXT)
    assert {parameter.dtype for parameter in backbone.parameters()} == {torch.float32}
    assert tokens(backbone).dtype == torch.float32
