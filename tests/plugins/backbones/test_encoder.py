"""What both backbones promise, on tiny random encoders of several architectures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from nlu_kit.assets import Assets
from nlu_kit.data.batch import TokenBatch, collate_tokens
from nlu_kit.errors import ModelError
from nlu_kit.heads.modules import Encoded
from nlu_kit.model.build import layer_of
from nlu_kit.plugin.contracts import BackboneContext
from nlu_kit.plugin.modules import Backbone
from nlu_kit_backbones import SentenceTransformerParams, TransformerParams
from nlu_kit_backbones.transformer import build

CPU = torch.device("cpu")
TEXTS = ["book a table in Paris", "play some jazz", "x"]

_COMMON = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "Bert": {**_COMMON, "max_position_embeddings": 40},
    "DistilBert": {"dim": 32, "n_layers": 3, "n_heads": 2, "hidden_dim": 64, "max_position_embeddings": 40},
    "Roberta": {**_COMMON, "max_position_embeddings": 40, "pad_token_id": 0},
    "MPNet": {**_COMMON, "max_position_embeddings": 40},
    "Electra": {**_COMMON, "embedding_size": 16, "max_position_embeddings": 40},
    "DebertaV2": {**_COMMON, "max_position_embeddings": 40},
    "ModernBert": {**_COMMON, "max_position_embeddings": 40, "pad_token_id": 0},
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, save_encoder: Any, raw_tokenizer: Any) -> Callable[[str], Path]:
    """The model folder of an architecture, written once."""
    base = tmp_path_factory.mktemp("architectures")

    def folder(name: str) -> Path:
        if not (base / name).exists():
            options = {**ARCHITECTURES[name], "vocab_size": raw_tokenizer().get_vocab_size()}
            save_encoder(base / name, getattr(transformers, f"{name}Config")(**options))
        return base / name

    return folder


def load(folder: Path, **params: Any) -> Backbone:
    return build(TransformerParams(model=str(folder), **params), BackboneContext(base_dir=Path())).eval()


def encode(backbone: Backbone, texts: list[str]) -> Encoded:
    with torch.inference_mode():
        encoded: Encoded = backbone(
            collate_tokens(backbone.tokenizer.encode(texts), pad_id=backbone.pad_id, device=CPU)
        )
    return encoded


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_parameter_is_in_one_layer_bottom_to_top(folders: Any, name: str) -> None:
    backbone = load(folders(name))
    owners = {layer_of(parameter, backbone.layers) for parameter, _ in backbone.named_parameters()}
    assert owners == set(backbone.layers)
    assert "embedding" in backbone.layers[0].lower()
    blocks = [layer for layer in backbone.layers if layer.rsplit(".", 1)[-1].isdigit()]
    assert [layer.rsplit(".", 1)[-1] for layer in blocks] == ["0", "1", "2"]
    assert not any("pooler" in parameter for parameter, _ in backbone.named_parameters())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_padding_changes_nothing(folders: Any, name: str) -> None:
    backbone = load(folders(name))
    together = encode(backbone, TEXTS)
    assert together.mask_BT.dtype == torch.bool
    assert together.tokens_BTD.shape == (*together.mask_BT.shape, backbone.width)
    for row, text in enumerate(TEXTS):
        alone = encode(backbone, [text])
        length = alone.mask_BT.shape[1]
        assert together.mask_BT[row].tolist() == [i < length for i in range(together.mask_BT.shape[1])]
        torch.testing.assert_close(together.tokens_BTD[row, :length], alone.tokens_BTD[0], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(together.pooled_BD[row], alone.pooled_BD[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_longest_text_fits_the_positions(folders: Any, name: str) -> None:
    backbone = load(folders(name))
    encoding = backbone.tokenizer.encode(["play " * 100])[0]
    assert encoding.truncated
    assert len(encoding) == (38 if name in ("MPNet",) else 39 if name == "Roberta" else 40)
    assert encode(backbone, ["play " * 100]).tokens_BTD.isfinite().all()


@pytest.mark.parametrize("name", ["Bert", "DistilBert", "Roberta", "ModernBert"])
def test_restored_from_its_assets_it_encodes_the_same(folders: Any, tmp_path: Path, name: str) -> None:
    backbone = load(folders(name), pooling="cls", max_length=20)
    backbone.save_assets(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"config.json", "backbone.json", "tokenizer.json"}
    assert str(folders(name)) not in (tmp_path / "config.json").read_text(encoding="utf-8")
    context = BackboneContext(base_dir=Path("/nowhere"), assets=Assets(folder=tmp_path))
    restored = build(TransformerParams(model="gone"), context).eval()
    restored.load_state_dict(backbone.state_dict())
    assert (restored.tokenizer.max_length, restored.pad_id) == (20, backbone.pad_id)
    assert restored.layers == backbone.layers
    before, after = encode(backbone, TEXTS), encode(restored, TEXTS)
    assert torch.equal(before.tokens_BTD, after.tokens_BTD)
    assert torch.equal(before.pooled_BD, after.pooled_BD)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_pooling(tiny_bert: Path, pooling: str) -> None:
    encoded = encode(load(tiny_bert, pooling=pooling), TEXTS)
    for row, mask in enumerate(encoded.mask_BT):
        tokens = encoded.tokens_BTD[row][mask]
        expected = {"mean": tokens.mean(0), "cls": tokens[0], "max": tokens.max(0).values}[pooling]
        torch.testing.assert_close(encoded.pooled_BD[row], expected, atol=1e-6, rtol=1e-5)


def test_no_token_but_the_mask_decides(tiny_bert: Path) -> None:
    backbone = load(tiny_bert)
    mask = torch.tensor([[True, True, False]])
    first, second = (backbone(TokenBatch(torch.tensor([[2, 9, last]]), mask)) for last in (0, 11))
    torch.testing.assert_close(first.tokens_BTD[:, :2], second.tokens_BTD[:, :2])


def test_an_encoder_decoder_is_refused(tmp_path: Path, save_encoder: Any, raw_tokenizer: Any) -> None:
    config = transformers.T5Config(
        vocab_size=raw_tokenizer().get_vocab_size(), d_model=16, d_ff=16, d_kv=8, num_layers=1, num_heads=2
    )
    with pytest.raises(ModelError, match="model_type: 't5' is none of the architectures that work"):
        load(save_encoder(tmp_path, config))


def test_damaged_assets(tiny_bert: Path, tmp_path: Path) -> None:
    load(tiny_bert).save_assets(tmp_path)
    settings = json.loads((tmp_path / "backbone.json").read_text(encoding="utf-8"))
    del settings["max_length"]
    for changes, message in (
        ({}, r"backbone\.json: max_length: Field required"),
        ({"max_length": 65}, "at most 64 tokens"),
    ):
        (tmp_path / "backbone.json").write_text(json.dumps({**settings, **changes}), encoding="utf-8")
        with pytest.raises(ModelError, match=message):
            build(TransformerParams(model="gone"), BackboneContext(base_dir=Path(), assets=Assets(folder=tmp_path)))


def test_parameters_are_described() -> None:
    for params in (TransformerParams, SentenceTransformerParams):
        assert all(field.description for field in params.model_fields.values())
