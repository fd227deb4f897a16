"""Where a model comes from: nothing that runs code or unpickles, and clear words where there is nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from nlu_kit.errors import ModelError
from nlu_kit.plugin.contracts import BackboneContext
from nlu_kit_backbones import SentenceTransformerParams, TransformerParams, sentence_transformer, transformer
from nlu_kit_backbones.guard import read_config
from nlu_kit_backbones.source import local_folder


def load(model: str, base_dir: Path = Path()) -> Any:
    return transformer.build(TransformerParams(model=model), BackboneContext(base_dir=base_dir))


@pytest.fixture
def copied(tiny_bert: Path, tmp_path: Path) -> Path:
    """A copy of the tiny BERT that a test may spoil."""
    return Path(shutil.copytree(tiny_bert, tmp_path / "bert"))


def test_a_relative_path_starts_at_the_pipeline(copied: Path) -> None:
    assert load("bert", base_dir=copied.parent).width == 32
    assert load("./bert", base_dir=copied.parent).width == 32


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_a_model_that_asks_to_run_code_is_refused(copied: Path, file: str) -> None:
    config = read_config(copied / file)
    config["auto_map"] = {"AutoModel": "modeling_evil.EvilModel", "AutoTokenizer": ["evil.Evil", None]}
    (copied / file).write_text(json.dumps(config), encoding="utf-8")
    (copied / "modeling_evil.py").write_text("raise SystemExit('this ran')", encoding="utf-8")
    for build in (
        lambda: load(str(copied)),
        lambda: sentence_transformer.build(
            SentenceTransformerParams(model=str(copied)), BackboneContext(base_dir=Path())
        ),
    ):
        with pytest.raises(ModelError, match=rf"{file} asks to run code of its own \(auto_map\)"):
            build()


def test_pickled_weights_are_refused(copied: Path) -> None:
    from safetensors.torch import load_file

    torch.save(load_file(copied / "model.safetensors"), copied / "pytorch_model.bin")
    (copied / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"can't be loaded as a Hugging Face encoder: .*safetensors"):
        load(str(copied))


@pytest.mark.parametrize(
    "name", ["./nowhere", "/nowhere/at/all", "~/no-such-folder-of-mine", "~nobody-i-know/x", "a/b/c"]
)
def test_a_path_that_leads_nowhere(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no model folder"):
        load(name, base_dir=tmp_path)


@pytest.mark.parametrize("name", ["nobody/nothing", "nothing-at-all", "not a name!"])
def test_a_hub_id_that_can_not_be_fetched(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"can't be fetched from the Hugging Face hub") as caught:
        load(name, base_dir=tmp_path)
    assert str(tmp_path / name) in str(caught.value)
    assert "give the path of its folder" in str(caught.value)


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        load(str(tmp_path))


@pytest.mark.parametrize("content", ["{", "[1]"])
def test_a_broken_config(copied: Path, content: str) -> None:
    (copied / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=r"config\.json (can't be read|is not a JSON object)"):
        load(str(copied))


def test_an_unknown_architecture(copied: Path) -> None:
    (copied / "config.json").write_text('{"model_type": "flux-capacitor"}', encoding="utf-8")
    with pytest.raises(ModelError, match=r"model_type: 'flux-capacitor' is none of the architectures that work"):
        load(str(copied))


def test_a_plain_encoder_is_no_sentence_transformer(tiny_bert: Path) -> None:
    with pytest.raises(ModelError, match=r"no modules\.json: for a plain encoder use the backbone 'transformer'"):
        sentence_transformer.build(SentenceTransformerParams(model=str(tiny_bert)), BackboneContext(base_dir=Path()))


def test_a_sentence_transformer_in_a_local_folder(tiny_bert: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    encoder = Transformer(str(tiny_bert), max_seq_length=16)
    SentenceTransformer(modules=[encoder, Pooling(32, pooling_mode="cls")], device="cpu").save(str(tmp_path))
    params = SentenceTransformerParams(model=str(tmp_path))
    backbone = sentence_transformer.build(params, BackboneContext(base_dir=Path()))
    assert (backbone.width, backbone.tokenizer.max_length) == (32, 16)
    assert backbone.pooling.pooling_mode == "cls"


def test_other_files_called_config_may_hold_what_they_like(tiny_bert: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_bert, folder)
    (folder / "data_config.json").write_text('[{"name": "auto_map"}]')  # all-MiniLM's own folder has one
    (folder / "other_config.json").write_text("no JSON at all")
    assert local_folder(str(folder), tmp_path) == folder


def test_weights_that_are_missing(copied: Path) -> None:
    """transformers goes on with random numbers in their place."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(copied / "model.safetensors")
    del tensors["encoder.layer.1.output.dense.weight"]
    save_file(tensors, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 of the encoder's weights, for instance encoder\.layer\.1\.output"):
        load(str(copied))
