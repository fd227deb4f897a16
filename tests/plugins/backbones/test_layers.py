"""The layers are bottom to top whatever the architecture: what one computes depends on nothing above it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import nn

from nlu_kit.assets import Assets
from nlu_kit.errors import ModelError
from nlu_kit.model.build import layer_of
from nlu_kit.plugin.contracts import BackboneContext
from nlu_kit_backbones import SentenceTransformerParams, TransformerParams
from nlu_kit_backbones.layers import find_layers, set_aside, token_limit, usable_positions
from nlu_kit_backbones.sentence_transformer import build as build_sentence_transformer
from nlu_kit_backbones.transformer import build

_COMMON = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
}
_DISENTANGLED = {"relative_attention": True, "position_buckets": 8, "pos_att_type": ["p2c", "c2p"]}
_GROUPS = dict.fromkeys(("q_groups", "k_groups", "v_groups", "intermediate_groups", "output_groups"), 2)
CONFIGS: dict[str, dict[str, Any]] = {
    "Bert": _COMMON,
    "DistilBert": {"vocab_size": 50, "dim": 16, "n_layers": 3, "n_heads": 2, "hidden_dim": 32},
    "Roberta": _COMMON,
    "MPNet": _COMMON,
    "DebertaV2": {**_COMMON, **_DISENTANGLED, "norm_rel_ebd": "layer_norm"},
    "DebertaV2 with a convolution": {**_COMMON, **_DISENTANGLED, "conv_kernel_size": 3, "conv_act": "gelu"},
    "Electra": {**_COMMON, "embedding_size": 8},
    "Albert": {**_COMMON, "embedding_size": 8},
    "MegatronBert": _COMMON,
    "ModernBert": {**_COMMON, "pad_token_id": 0},
}
# Not tried for influence: hooks miss SqueezeBERT's blocks, XLNet has a layer that changes nothing.
OTHERS: dict[str, dict[str, Any]] = {
    "IBert": {**_COMMON, "pad_token_id": 1},
    "SqueezeBert": {**_COMMON, "embedding_size": 16, "post_attention_groups": 1, **_GROUPS},
    "XLNet": {"vocab_size": 50, "d_model": 16, "n_layer": 3, "n_head": 2, "d_inner": 32},
}
TOP = {
    "MPNet": ["embeddings", "encoder.relative_attention_bias", "encoder.layer.0"],
    "DebertaV2": ["embeddings", "encoder.rel_embeddings", "encoder.LayerNorm", "encoder.layer.0"],
    "DebertaV2 with a convolution": ["embeddings", "encoder.rel_embeddings", "encoder.layer.0", "encoder.conv"],
    "Electra": ["embeddings", "embeddings_project", "encoder.layer.0", "encoder.layer.1"],
    "Albert": ["embeddings", "encoder.embedding_hidden_mapping_in", "encoder.albert_layer_groups.0"],
    "SqueezeBert": ["embeddings", "encoder.layers.0", "encoder.layers.1", "encoder.layers.2"],
    "MegatronBert": ["embeddings", "encoder.layer.0", "encoder.layer.1", "encoder.layer.2", "encoder.ln"],
    "ModernBert": ["embeddings", "layers.0", "layers.1", "layers.2", "final_norm"],
}


def encoder_of(name: str) -> Any:
    config = getattr(transformers, f"{name.split()[0]}Config")(**(CONFIGS | OTHERS)[name])
    with torch.random.fork_rng():
        torch.manual_seed(3)
        encoder = transformers.AutoModel.from_config(config)
        encoder.pooler = nn.Identity()
        for parameter in encoder.parameters():  # zeros hide an influence
            nn.init.normal_(parameter, std=0.5)
    return encoder.eval()


def outputs(encoder: Any, layers: list[str]) -> dict[str, torch.Tensor]:
    """What each layer that is called gives for some tokens, and the whole's last hidden state under ``""``."""
    found: dict[str, torch.Tensor] = {}

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            found.setdefault(name, output[0] if isinstance(output, tuple) else output)

        return hook

    hooks = [encoder.get_submodule(name).register_forward_hook(keep(name)) for name in layers]
    ids = torch.tensor([[5, 9, 7, 30, 2], [8, 3, 3, 11, 4]])
    with torch.no_grad():
        found[""] = encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("name", CONFIGS)
def test_a_layer_changes_nothing_below_it(name: str) -> None:
    encoder = encoder_of(name)
    layers = find_layers(encoder).prefixes
    before = outputs(encoder, layers)
    assert len(before) > 3
    for position, layer in enumerate(layers):
        saved = {key: value.clone() for key, value in encoder.state_dict().items()}
        with torch.no_grad():
            for parameter_name, parameter in encoder.named_parameters():
                if layer_of(parameter_name, layers) == layer:
                    parameter += torch.linspace(-1, 1, parameter.numel()).view_as(parameter)
        after = outputs(encoder, layers)
        for lower in layers[:position]:
            if lower in before:
                assert torch.equal(before[lower], after[lower]), f"{layer} is above {lower}, but feeds it"
        assert not torch.equal(before[""], after[""]), f"{layer} was changed, but nothing happened"
        encoder.load_state_dict(saved)


@pytest.mark.parametrize("name", TOP)
def test_what_stands_beside_the_blocks(name: str) -> None:
    assert find_layers(encoder_of(name)).prefixes[: len(TOP[name])] == TOP[name]


def test_looking_leaves_no_trace() -> None:
    encoder = encoder_of("Bert").train()
    state = torch.random.get_rng_state()
    assert find_layers(encoder).prefixes[0] == "embeddings"
    assert encoder.training
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(parameter.grad is None for parameter in encoder.parameters())
    assert not any(module._forward_hooks or "forward" in vars(module) for module in encoder.modules())


def test_what_reading_a_text_never_uses_is_stored_but_no_parameter() -> None:
    encoder = encoder_of("XLNet")
    before, layers = encoder.state_dict(), find_layers(encoder)
    assert layers.prefixes == ["word_embedding", "layer.0", "layer.1", "layer.2"]
    set_aside(encoder, layers.idle)
    assert "mask_emb" not in dict(encoder.named_parameters())
    after = encoder.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    assert find_layers(encoder) == replace(layers, idle=frozenset())


def test_an_encoder_without_a_stack_of_layers() -> None:
    encoder = encoder_of("Bert")
    encoder.config.num_hidden_layers = 5
    with pytest.raises(ModelError, match="BertModel has no stack of 5 layers: this architecture is not supported"):
        find_layers(encoder)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_model_may_be_loaded_while_gradients_are_off(mode: Any, tiny_bert: Path, tmp_path: Path) -> None:
    with mode():  # as a server may
        backbone = build(TransformerParams(model=str(tiny_bert)), BackboneContext(base_dir=Path()))
        backbone.save_assets(tmp_path)
        restored = build(
            TransformerParams(model="gone"), BackboneContext(base_dir=Path(), assets=Assets(folder=tmp_path))
        )
    expected = [f"encoder.{name}" for name in ("embeddings", "encoder.layer.0", "encoder.layer.1")]
    assert backbone.layers == restored.layers == expected


# --- how long an input may be -----------------------------------------------------------------------------------------


def test_roberta_begins_after_the_padding_index() -> None:
    encoder = transformers.AutoModel.from_config(
        transformers.RobertaConfig(**{**_COMMON, "num_hidden_layers": 1, "max_position_embeddings": 514})
    )
    assert token_limit(encoder, asked=None, usual=1000) == 512
    assert token_limit(encoder, asked=512, usual=128) == 512
    with pytest.raises(ModelError, match="max_length is 513, but this encoder takes at most 512 tokens"):
        token_limit(encoder, asked=513, usual=128)


def test_i_bert_too_whose_table_is_no_embedding() -> None:
    assert token_limit(encoder_of("IBert"), asked=None, usual=1000) == 38


@pytest.mark.parametrize("positions", [-1, 0])
def test_a_limit_that_is_none(positions: int) -> None:
    encoder = encoder_of("XLNet" if positions == -1 else "Bert")
    if positions != -1:
        encoder.config.max_position_embeddings = positions
    assert usable_positions(encoder) is None
    assert token_limit(encoder, asked=1000, usual=512) == 1000


def test_more_than_the_positions_is_an_error_in_both_backbones(tiny_bert: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    modules = [Transformer(str(tiny_bert), max_seq_length=16), Pooling(32, pooling_mode="mean")]
    SentenceTransformer(modules=modules, device="cpu").save(str(tmp_path))
    context = BackboneContext(base_dir=Path())
    for model, params, make in (
        (tiny_bert, TransformerParams, build),
        (tmp_path, SentenceTransformerParams, build_sentence_transformer),
    ):
        for length in (8, 64):
            assert make(params(model=str(model), max_length=length), context).tokenizer.max_length == length  # type: ignore[operator]
        with pytest.raises(ModelError, match=r"at most 64 tokens; set backbone\.max_length to 64 or less"):
            make(params(model=str(model), max_length=65), context)  # type: ignore[operator]
