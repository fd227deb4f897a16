"""Which architectures work as a backbone, and what the others are told: small random ones of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CONFIG_MAPPING

from nlu_kit.errors import ModelError
from nlu_kit.plugin.contracts import BackboneContext
from nlu_kit.registry import Registry
from nlu_kit.runtime.predictor import load as load_model
from nlu_kit.testing import NotTried, contract_checks
from nlu_kit.training.run import train
from nlu_kit_backbones import TransformerParams, guard
from nlu_kit_backbones.architectures import DECODERS, ENCODERS
from nlu_kit_backbones.encoder import EncoderBackbone
from nlu_kit_backbones.transformer import build

REGISTRY = Registry.load()
SIZE: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
    "num_key_value_heads": 2,
    "head_dim": 8,
    **dict.fromkeys(("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id", "mask_token_id"), 2),
}
GROUPS = dict.fromkeys(("q_groups", "k_groups", "v_groups", "intermediate_groups", "output_groups"), 2)
OWN: dict[str, dict[str, Any]] = {  # sizes that only this architecture has
    "albert": {"embedding_size": 8},
    "convbert": {"embedding_size": 16},
    "deberta": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    "deberta-v2": {"relative_attention": True, "position_buckets": 8, "pos_att_type": ["p2c", "c2p"]},
    "distilbert": {"dim": 16, "n_layers": 3, "n_heads": 2, "hidden_dim": 32},
    "electra": {"embedding_size": 8},
    "embedding_gemma2_text": {"embedding_dim": 24, "hidden_size_per_layer_input": 8},
    "funnel": {
        "block_sizes": [1, 1, 1],
        "d_model": 16,
        "n_head": 2,
        "d_head": 8,
        "d_inner": 32,
        "num_decoder_layers": 1,
    },
    "gemma3_text": {"query_pre_attn_scalar": 8, "use_bidirectional_attention": True},
    "gpt2": {"n_embd": 16, "n_layer": 3, "n_head": 2, "n_positions": 40},
    "layoutlm": {"max_2d_position_embeddings": 32},
    "lilt": {"hidden_size": 24, "channel_shrink_ratio": 2, "max_2d_position_embeddings": 32},
    "longformer": {"attention_window": [8, 8, 8]},
    "luke": {"entity_vocab_size": 10, "entity_emb_size": 8},
    "mobilebert": {"embedding_size": 16, "intra_bottleneck_size": 16},
    "openai_privacy_filter": {"num_local_experts": 4, "num_experts_per_tok": 2},
    "rembert": {"input_embedding_size": 8, "output_embedding_size": 8},
    "roformer": {"embedding_size": 16},
    "squeezebert": {"embedding_size": 16, "post_attention_groups": 1, **GROUPS},
    "t5": {"d_model": 16, "num_layers": 3, "num_heads": 2, "d_kv": 8, "d_ff": 32},
    "xlnet": {"d_model": 16, "n_layer": 3, "n_head": 2, "d_inner": 32},
    "xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
}
# Where static layers are computed again, or can be gone on above some blocks only. All others: above each block.
RESUMES = {
    "albert": 0,  # one block, which runs again and again
    "embedding_gemma2_text": 0,  # its blocks read the embeddings besides
    "lilt": 1,  # a second stream runs beside the text's
    "longformer": 0,  # pads to its window
    "squeezebert": 0,  # its blocks want the vectors' numbers before the tokens
    "ultrabert": 1,
    "xlnet": 0,  # its blocks want the tokens before the texts
}
NO_RESUMING = {"static-layers", "resumes"}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("bros", {}, "BrosModel can't encode a plain text .*bbox"),
    ("canine", {}, "CanineModel can't encode a plain text "),
    ("convbert", {}, "ConvBertModel lets padding change the vectors"),
    ("dpr", {}, "DPRQuestionEncoder can't encode a plain text .*no attribute 'last_hidden_state'"),
    ("fnet", {}, "FNetModel lets padding change the vectors"),
    ("funnel", {}, "FunnelModel can't encode a plain text "),
    ("ibert", {"quant_mode": True}, "IBertModel lets padding change the vectors"),
    ("nystromformer", {}, "NystromformerModel lets padding change the vectors"),
    ("t5", {}, "T5Model belongs to an encoder-decoder"),
    ("xlnet", {"attn_type": "uni"}, "XLNetModel can't encode short texts of different lengths "),
    ("xmod", {"default_language": None}, "XmodModel can't encode a plain text .*language unknown"),
    ("yoso", {}, "YosoModel lets padding change the vectors"),
]


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory, save_encoder: Any, raw_tokenizer: Any) -> Callable[..., Path]:
    """The folder of a model of this type, with no number left at what it was initialised with: zeros and ones hide
    an influence."""
    base = tmp_path_factory.mktemp("architectures")

    def folder(model_type: str, **options: Any) -> Path:
        if model_type not in CONFIG_MAPPING:
            pytest.skip(f"this transformers has no {model_type}")
        path: Path = base / "-".join([model_type, *options])
        if not path.exists():
            config_class = CONFIG_MAPPING[model_type]
            size = {key: value for key, value in SIZE.items() if not _under_other_names(config_class, key)}
            own = {**OWN.get(model_type, {}), **options}
            config = config_class(**{**size, **own, "vocab_size": raw_tokenizer().get_vocab_size(), "pad_token_id": 0})
            if model_type == "funnel":
                config.architectures = ["FunnelModel"]  # of the two that it has
            save_encoder(path, config)
            generator = torch.Generator().manual_seed(5)
            weights = load_file(path / "model.safetensors")
            moved = {name: w + 0.2 * torch.randn(w.shape, generator=generator) for name, w in weights.items()}
            save_file(moved, path / "model.safetensors", metadata={"format": "pt"})
        return path

    return folder


def _under_other_names(config_class: Any, key: str) -> bool:
    return key in config_class.attribute_map or isinstance(getattr(config_class, key, None), property)


def load(folder: Path, **params: Any) -> EncoderBackbone:
    backbone = build(TransformerParams(model=str(folder), **params), BackboneContext(base_dir=Path()))
    assert isinstance(backbone, EncoderBackbone)
    return backbone


def not_tried(folder: Path) -> set[str]:
    """Try every clause of the contract; the names of those that could not be tried."""
    left = set()
    for check in contract_checks("backbone", "transformer", params={"model": str(folder)}, registry=REGISTRY):
        try:
            check()
        except NotTried:
            left.add(check.clause.name)
    return left


@pytest.mark.parametrize("model_type", [*ENCODERS, *DECODERS])
def test_it_keeps_the_contract_of_a_backbone(folder_of: Any, model_type: str) -> None:
    left = not_tried(folder_of(model_type))
    assert left == (NO_RESUMING if RESUMES.get(model_type) == 0 else set())


def test_so_do_shared_groups_of_blocks(folder_of: Any) -> None:
    folder = folder_of("albert", num_hidden_layers=4, num_hidden_groups=2, inner_group_num=2)
    assert not_tried(folder) == NO_RESUMING
    assert [layer.rpartition(".")[2] for layer in load(folder).layers[2:]] == ["0", "1"]


def test_so_does_deberta_with_a_convolution(folder_of: Any) -> None:
    folder = folder_of("deberta-v2", conv_kernel_size=3, conv_act="gelu", norm_rel_ebd="layer_norm")
    assert not_tried(folder) == set()
    backbone = load(folder)
    assert [backbone.layers[start] for start in backbone.resume_points()] == ["encoder.encoder.layer.0"]


@pytest.mark.parametrize("model_type", [*ENCODERS, *DECODERS])
def test_its_layers(folder_of: Any, model_type: str) -> None:
    backbone = load(folder_of(model_type))
    blocks = [layer for layer in backbone.layers if layer.rsplit(".", 1)[-1].isdigit()]
    assert [block[-1] for block in blocks] == (["0"] if model_type == "albert" else ["0", "1", "2"])
    assert any(name in backbone.layers[0] for name in ("embed", "wte"))
    assert not any("pooler" in name for name, _ in backbone.named_parameters())
    assert len(backbone.resume_points()) == RESUMES.get(model_type, len(blocks))


@pytest.mark.parametrize(("model_type", "options", "reason"), REFUSED)
def test_what_does_not_work_is_refused_with_the_reason(
    folder_of: Any, model_type: str, options: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(model_type, **options)
    if model_type not in ENCODERS:
        with pytest.raises(ModelError, match=f"'{model_type}' is none of the architectures that work"):
            load(folder)
    monkeypatch.setattr(guard, "ENCODERS", (*ENCODERS, model_type))  # what holds where the list is wrong
    with pytest.raises(ModelError, match=reason):
        load(folder)


@pytest.mark.parametrize(
    "model_type", ["albert", "ibert", "layoutlm", "longformer", "nomic_bert", "squeezebert", "xlnet"]
)
@pytest.mark.parametrize("freezing", ["freeze_backbone", "discriminative"])
def test_it_trains_and_predicts(
    folder_of: Any, write_pipeline: Any, tmp_path: Path, model_type: str, freezing: str
) -> None:
    backbone = {"type": "transformer", "model": str(folder_of(model_type))}
    pipeline = write_pipeline(tmp_path, backbone=backbone, freezing={"type": freezing}, training={"precision": "bf16"})
    result = train(pipeline, runs=tmp_path / "runs")
    assert len(load_model(result.model_dir).parse_many(["play some jazz", "jazz " * 100])) == 2


def test_the_docs_name_them() -> None:
    page = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert [name for name in (*ENCODERS, *DECODERS) if f"`{name}`" not in page] == []
