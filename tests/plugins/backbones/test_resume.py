"""Going on above static layers gives what the whole encoder gives, whatever the architecture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ModernBertConfig,
    MPNetConfig,
    RobertaConfig,
)

from nlu_kit.data.batch import TokenBatch
from nlu_kit.plugin.contracts import BackboneContext
from nlu_kit.registry import Registry

SIZE: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}
CONFIGS = [
    BertConfig(vocab_size=200, **SIZE),
    DistilBertConfig(vocab_size=200, dim=32, n_layers=3, n_heads=2, hidden_dim=64),
    RobertaConfig(vocab_size=200, max_position_embeddings=66, **SIZE),
    MPNetConfig(vocab_size=200, max_position_embeddings=66, **SIZE),
    ElectraConfig(vocab_size=200, embedding_size=16, **SIZE),
    DebertaV2Config(vocab_size=200, relative_attention=True, pos_att_type=["p2c", "c2p"], **SIZE),
    ModernBertConfig(vocab_size=200, **SIZE, pad_token_id=0, cls_token_id=2, sep_token_id=3, bos_token_id=2),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
def test_every_resume_point_gives_the_whole_encoders_result(config: Any, save_encoder: Any, tmp_path: Path) -> None:
    spec = Registry.load().get("backbone", "transformer").spec
    save_encoder(tmp_path, config)
    backbone = spec.build(spec.params(model=str(tmp_path)), BackboneContext(base_dir=tmp_path)).eval()
    generator = torch.Generator().manual_seed(3)
    ids_BT = torch.randint(5, 190, (3, 9), generator=generator)
    mask_BT = torch.arange(9) < torch.tensor([[9], [5], [2]])
    batch = TokenBatch(ids_BT.masked_fill(~mask_BT, backbone.pad_id), mask_BT)
    points = list(backbone.resume_points())
    assert len(points) == 3
    assert points[-1] < len(backbone.layers)
    with torch.no_grad():
        whole = backbone(batch)
        for count in points:
            resumed = backbone(replace(batch, static_BTD=backbone.static_output(batch, count), start=count))
            torch.testing.assert_close(resumed.tokens_BTD[mask_BT], whole.tokens_BTD[mask_BT], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(resumed.pooled_BD, whole.pooled_BD, atol=1e-5, rtol=1e-5)


def test_going_on_trains_the_upper_layers_only(save_encoder: Any, tmp_path: Path) -> None:
    spec = Registry.load().get("backbone", "transformer").spec
    save_encoder(tmp_path, CONFIGS[0])
    backbone = spec.build(spec.params(model=str(tmp_path)), BackboneContext(base_dir=tmp_path))
    batch = TokenBatch(torch.full((2, 4), 7), torch.ones(2, 4, dtype=torch.bool))
    count = 2  # embeddings and block 0
    static_BTD = backbone.static_output(batch, count).detach()
    backbone(replace(batch, static_BTD=static_BTD, start=count)).pooled_BD.sum().backward()
    touched = {name for name, parameter in backbone.named_parameters() if parameter.grad is not None}
    assert touched
    assert all(name.startswith(("encoder.encoder.layer.1.", "encoder.encoder.layer.2.")) for name in touched)
