"""Folders of sentence-transformers as they were written over the years."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, BertConfig, XLNetConfig

from nlu_kit.assets import Assets
from nlu_kit.plugin.contracts import BackboneContext
from nlu_kit.plugin.modules import Backbone
from nlu_kit_backbones import SentenceTransformerParams, TransformerParams, sentence_transformer, transformer

LETTERS = "abcdefghijklmnopqrstuvwxyz"
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{c}" for c in LETTERS), "book", "Book", "paris"]
CONTEXT = BackboneContext(base_dir=Path())
MakeFolder = Callable[..., Path]


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """``make_folder("0_Transformer", tokenizer={…}, module={…})``: the encoder in that folder of the model's, with
    vocab.txt and these settings in tokenizer_config.json and sentence_bert_config.json (None: no such file)."""

    def make(place: str, *, tokenizer: Any = None, module: Any = None) -> Path:
        encoder = tmp_path / place
        size = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
        config = BertConfig(vocab_size=len(PIECES), max_position_embeddings=40, **size)
        AutoModel.from_config(config).save_pretrained(encoder)
        (encoder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in PIECES), encoding="utf-8")
        pooling = {"word_embedding_dimension": 16, "pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}
        modules = [
            {"idx": 0, "name": "0", "path": place, "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        ]
        files = {
            "tokenizer_config.json": (encoder, tokenizer),
            "sentence_bert_config.json": (encoder, module),
            "config.json": (tmp_path, {"__version__": "0.3.9"} if place else None),
            "modules.json": (tmp_path, modules),
        }
        (tmp_path / "1_Pooling").mkdir()
        (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(pooling), encoding="utf-8")
        for name, (folder, content) in files.items():
            if content is not None:
                (folder / name).write_text(json.dumps(content), encoding="utf-8")
        return tmp_path

    return make


def pieces(backbone: Backbone, text: str) -> list[str]:
    return [PIECES[i] for i in backbone.tokenizer.encode([text])[0].ids[1:-1]]


def load(folder: Path) -> Backbone:
    return sentence_transformer.build(SentenceTransformerParams(model=str(folder)), CONTEXT)


@pytest.mark.parametrize("place", ["", "0_Transformer", "0_BERT"])
@pytest.mark.parametrize(
    ("tokenizer", "module", "expected", "longest"),
    [
        (None, None, ["book", "paris"], 40),
        ({"do_lower_case": True}, {"max_seq_length": 16}, ["book", "paris"], 16),
        ({"do_lower_case": False}, {"max_seq_length": 16, "do_lower_case": False}, ["Book", "paris"], 16),
        ({"do_lower_case": False}, {"max_seq_length": 128, "do_lower_case": True}, ["book", "paris"], 40),
        ({"do_lower_case": False, "model_max_length": 20}, None, ["Book", "paris"], 20),
    ],
)
def test_a_vocabulary_without_tokenizer_json(
    make_folder: MakeFolder, place: str, tokenizer: Any, module: Any, expected: list[str], longest: int
) -> None:
    backbone = load(make_folder(place, tokenizer=tokenizer, module=module))
    assert pieces(backbone, "Book paris") == expected
    words = backbone.tokenizer.encode(["Book  paris"])[0].words
    assert [(word.start, word.end) for word in words] == [(0, 4), (6, 11)], "in the text as it was given"
    assert backbone.tokenizer.max_length == longest
    assert backbone.pooling.pooling_mode == "cls"  # type: ignore[union-attr]


def test_lower_case_is_stored_with_the_model(make_folder: MakeFolder, tmp_path: Path) -> None:
    folder = make_folder("0_Transformer", tokenizer={"do_lower_case": False}, module={"do_lower_case": True})
    assets = tmp_path / "assets"
    assets.mkdir()
    load(folder).save_assets(assets)
    context = BackboneContext(base_dir=Path(), assets=Assets(folder=assets))
    restored = sentence_transformer.build(SentenceTransformerParams(model="gone"), context)
    assert pieces(restored, "BOOK paris") == ["book", "paris"]


def test_transformer_reads_the_same_vocabulary_alike(make_folder: MakeFolder) -> None:
    folder = make_folder("")
    one, other = load(folder), transformer.build(TransformerParams(model=str(folder), pooling="cls"), CONTEXT)
    assert one.tokenizer.encode(["Book a Table"]) == other.tokenizer.encode(["Book a Table"])
    assert all(torch.equal(weight, other.state_dict()[name]) for name, weight in one.state_dict().items())


def test_an_encoder_that_says_no_longest_text(tmp_path: Path, save_encoder: Any, raw_tokenizer: Any) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    size = {"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 32, "vocab_size": raw_tokenizer().get_vocab_size()}
    encoder = Transformer(str(save_encoder(tmp_path / "xlnet", XLNetConfig(**size))))
    SentenceTransformer(modules=[encoder, Pooling(16, pooling_mode="mean")], device="cpu").save(str(tmp_path / "st"))
    assert load(tmp_path / "st").tokenizer.max_length == 512
