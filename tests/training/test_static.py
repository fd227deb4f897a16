"""Static layers are computed once, and nobody can tell from the figures."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from nlu_kit.config.check import resolve
from nlu_kit.data.batch import collate_tokens
from nlu_kit.errors import PluginError
from nlu_kit.plugin import RunEnd
from nlu_kit.plugin.modules import Backbone
from nlu_kit.training.prepare import Prepared, prepare
from nlu_kit.training.run import train
from nlu_kit.training.static import CacheBudget, StaticCache, StaticLayers, memory_budget

WHOLE, LOWER = 3, 2  # layers of the tiny encoder: embeddings and two blocks; embeddings and the first block
FROZEN = {"type": "freeze_backbone", "head_lr": 1e-2}
LOWER_FROZEN = {"type": "freeze_lower", "layers": 1, "encoder_lr": 3e-3, "head_lr": 1e-2}


def losses(result: RunEnd) -> list[float]:
    lines = (result.run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    steps = [record for record in map(json.loads, lines) if record["event"] == "StepEnd"]
    return [loss for step in steps for loss in step["losses"].values()]


def notes(result: RunEnd) -> list[str]:
    lines = (result.run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    epochs = [record for record in map(json.loads, lines) if record["event"] == "EpochEnd"]
    return [note for epoch in epochs for note in epoch["notes"]]


@pytest.fixture
def prepared(pipeline_sections: Any) -> Prepared:
    return prepare(resolve(pipeline_sections(), base_dir=Path()))


@pytest.mark.parametrize("freezing", [FROZEN, LOWER_FROZEN, {"type": "freeze_all", "head_lr": 1e-2}])
@pytest.mark.parametrize("sampler", ["random", {"type": "bucketed", "base": "weighted"}])
@pytest.mark.parametrize("megabytes", [None, 1])
def test_the_trajectory_is_the_same_with_and_without(
    freezing: Any, sampler: Any, megabytes: int | None, write_pipeline: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("nlu_kit.training.static.memory_budget", lambda asked, processes: (asked or 512) * 2**20)
    results = []
    for cache in (megabytes, 0):
        training = {"epochs": 3, "static_cache_mb": cache}
        pipeline = write_pipeline(tmp_path, freezing=freezing, sampler=sampler, training=training)
        results.append(train(pipeline, runs=tmp_path / "runs"))
    with_cache, without = results
    assert losses(with_cache) == pytest.approx(losses(without), rel=1e-5, abs=1e-6)
    assert with_cache.dev == pytest.approx(without.dev)
    assert with_cache.test == without.test
    (note,) = notes(with_cache)
    assert "backbone layers are static: their output is computed once per text" in note
    assert notes(without) == []
    saved = [load_file(result.model_dir / "model.safetensors") for result in results]
    for name, expected in saved[1].items():
        if not name.endswith("key.bias"):  # its gradient is rounding, which AdamW scales up
            torch.testing.assert_close(saved[0][name], expected, atol=1e-5, rtol=1e-4)


def test_beyond_its_budget_it_goes_to_disk_and_is_cleaned_up(
    prepared: Prepared, tmp_path: Path, listen: Callable[..., Any]
) -> None:
    backbone = prepared.objective.model.backbone.eval()
    folder = tmp_path / "static"
    static = StaticLayers(backbone, [prepared.train], budget=1, file=folder / "cache", processes=1)
    (note,) = static.enter(WHOLE)
    assert "kept on disk" in note
    vectors = int(prepared.train.lengths.sum()) + len(prepared.train)  # of tokens and sentences
    assert static.cache._rows.numel() == vectors * backbone.width
    assert list(folder.iterdir()) == [], "mapped, and without a name"
    encodings = prepared.train.encodings[:5]
    batch = collate_tokens(encodings, pad_id=backbone.pad_id, device=torch.device("cpu"))
    attached = static.attach(batch, encodings)
    expected = backbone(batch)
    assert attached.static_BTD is not None
    torch.testing.assert_close(
        attached.static_BTD[batch.mask_BT], expected.tokens_BTD[batch.mask_BT], atol=1e-5, rtol=1e-5
    )
    torch.testing.assert_close(attached.static_pooled_BD, expected.pooled_BD, atol=1e-5, rtol=1e-5)
    static.close()


def test_a_text_is_computed_once(prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = prepared.objective.model.backbone.eval()
    room = CacheBudget(
        texts=len(prepared.train), tokens=int(prepared.train.lengths.sum()), budget=2**20, file=tmp_path / "cache"
    )
    cache = StaticCache(backbone, LOWER, room)
    computed: list[int] = []
    original = backbone.static_output

    def count(batch: Any, layers: int) -> Any:
        computed.append(len(batch.ids_BT))
        return original(batch, layers)

    monkeypatch.setattr(backbone, "static_output", count)
    encodings = [prepared.train.encodings[i] for i in (0, 1, 0)]
    batch = collate_tokens(encodings, pad_id=backbone.pad_id, device=torch.device("cpu"))
    for _ in range(3):
        cache.attach(batch, encodings)
    assert computed == [2]


def test_room_that_is_not_filled_yet_holds_no_rubbish(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind the end of the text that was kept last, a batch reads such room: masked, but 0 times NaN is NaN."""
    backbone = prepared.objective.model.backbone.eval()
    empty = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *size, **options: empty(*size, **options).fill_(torch.nan))
    cache = StaticCache(backbone, LOWER, CacheBudget(texts=9, tokens=900, budget=2**20, file=tmp_path / "cache"))
    encodings = sorted(prepared.train.encodings[:6], key=len, reverse=True)
    batch = collate_tokens(encodings, pad_id=backbone.pad_id, device=torch.device("cpu"))
    static_BTD = cache.attach(batch, encodings).static_BTD
    assert len(encodings[0]) > len(encodings[-1])
    assert static_BTD is not None
    assert bool(static_BTD.isfinite().all())


def test_it_notices_that_a_static_weight_was_written(prepared: Prepared, tmp_path: Path) -> None:
    backbone = prepared.objective.model.backbone
    cache = StaticCache(backbone, LOWER, CacheBudget(texts=1, tokens=10, budget=2**20, file=tmp_path / "cache"))
    upper, lower = (backbone.get_submodule(backbone.layers[i]).output.dense.bias for i in (2, 1))
    assert cache.is_valid(LOWER)
    assert not cache.is_valid(WHOLE)
    with torch.no_grad():
        upper.add_(1)
        assert cache.is_valid(LOWER)
        lower.add_(1)
    assert not cache.is_valid(LOWER)


def test_a_backbone_that_cannot_go_on_is_computed_again_and_says_so(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = prepared.objective.model.backbone
    static = StaticLayers(backbone, [prepared.train], budget=2**20, file=tmp_path / "cache", processes=1)
    assert static.enter(0) == []
    monkeypatch.setattr(backbone, "resume_points", lambda: ())
    (note,) = static.enter(LOWER)
    assert note.endswith("computed again in every epoch: this backbone can't go on above its lowest 2 layers")
    assert static.enter(LOWER) == []  # said once
    encodings = prepared.train.encodings[:2]
    batch = collate_tokens(encodings, pad_id=backbone.pad_id, device=torch.device("cpu"))
    assert static.attach(batch, encodings) is batch
    (note,) = static.enter(WHOLE)  # nothing left to go on with: any backbone can be kept as a whole
    assert "computed once per text" in note


def test_a_backbone_that_goes_on_wrongly_is_found_out(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = prepared.objective.model.backbone
    original = backbone.static_output
    monkeypatch.setattr(backbone, "resume_points", lambda: (LOWER,))  # ours would find it out itself
    monkeypatch.setattr(backbone, "static_output", lambda batch, count: original(batch, count) + 0.01)
    static = StaticLayers(backbone, [prepared.train], budget=2**20, file=tmp_path / "cache", processes=1)
    (note,) = static.enter(LOWER)
    assert note.endswith("going on from it does not give the same result")


def test_a_backbone_that_only_promises_to_go_on_breaks_the_contract(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = prepared.objective.model.backbone
    monkeypatch.setattr(backbone, "resume_points", lambda: (LOWER,))
    monkeypatch.setattr(type(backbone), "static_output", Backbone.static_output)
    static = StaticLayers(backbone, [prepared.train], budget=2**20, file=tmp_path / "cache", processes=1)
    with pytest.raises(PluginError, match="contract: EncoderBackbone names resume points, but has no static_output"):
        static.enter(LOWER)


def test_without_memory_and_disk_it_says_so(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 10})())
    backbone = prepared.objective.model.backbone
    static = StaticLayers(backbone, [prepared.train], budget=1, file=tmp_path / "there" / "not", processes=1)
    (note,) = static.enter(WHOLE)
    assert "more than the memory allowed and the disk's free space" in note
    assert not (tmp_path / "there").exists()


def test_the_budget() -> None:
    assert memory_budget(3, processes=2) == 3 * 2**20
    assert memory_budget(0, processes=1) == 0
    assert 0 < memory_budget(None, processes=4) < memory_budget(None, processes=1)


def test_a_disk_that_is_full_after_all(prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The room is taken before the file is mapped: a full disk is an error, not the end of the process."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    backbone = prepared.objective.model.backbone.eval()
    static = StaticLayers(backbone, [prepared.train], budget=1, file=tmp_path / "cache", processes=1)
    (note,) = static.enter(WHOLE)
    assert "computed again in every epoch: there is no room on disk for their output (No space left on device)" in note
    assert static.enter(WHOLE) == [], "said once"
    assert list(tmp_path.iterdir()) == []
