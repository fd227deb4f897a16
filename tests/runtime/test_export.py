"""A graph is written beside the weights, and kept only if it decides as torch does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor

import nlu_kit
from nlu_kit.heads.modules import Encoded
from nlu_kit.model.compute import Computed
from nlu_kit.model.folder import open_model
from nlu_kit.registry import Registry
from nlu_kit.runtime import export, parity
from nlu_kit.runtime.export import add_graph
from nlu_kit.runtime.graph import GRAPH, RECORD
from nlu_kit.runtime.parity import NotExportedError
from nlu_kit.runtime.torch_runtime import TorchNetwork
from nlu_kit.training.run import train

TEXTS = ["play jazz", "book a table in New York please", "zzz", "", "a", "wake me at half past six " * 40]


@pytest.fixture
def folder(trained: Any, tmp_path: Path) -> Path:
    """A model that has no graph yet."""
    shutil.copytree(trained.model_dir, tmp_path / "model")
    return tmp_path / "model"


def test_both_runtimes_say_the_same(exported: Path) -> None:
    by_torch, by_onnx = nlu_kit.load(exported, runtime="torch"), nlu_kit.load(exported, runtime="onnx")
    assert type(nlu_kit.load(exported).network) is type(by_onnx.network), "auto takes the graph"
    for one, other in zip(by_torch.parse_many(TEXTS), by_onnx.parse_many(TEXTS), strict=True):
        a, b = one.to_json(), other.to_json()
        assert parity.decisions(one) == parity.decisions(other)
        assert a["intent"]["confidence"] == pytest.approx(b["intent"]["confidence"], abs=1e-4)
        assert a["out_of_scope_score"] == pytest.approx(b["out_of_scope_score"], rel=1e-2)


def test_weights_are_stored_once(exported: Path) -> None:
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(str(exported / GRAPH), load_external_data=False).graph
    shared = [one for one in graph.initializer if one.data_location == onnx.TensorProto.EXTERNAL]
    assert {entry.value for one in shared for entry in one.external_data if entry.key == "location"} == {
        "model.safetensors"
    }
    inline = [one for one in graph.initializer if one not in shared and one.data_type == onnx.TensorProto.FLOAT]
    assert max(len(one.raw_data) for one in inline) <= 4096


def test_the_record_says_what_was_compared(exported: Path) -> None:
    record = json.loads((exported / RECORD).read_text(encoding="utf-8"))
    assert record["check"]["utterances"] > 50
    assert record["check"]["different_predictions"] == 0
    assert record["check"]["largest_difference"] < 1e-3
    assert record["inputs"] == ["ids", "mask"], "no head here looks at words"
    assert {GRAPH, RECORD} <= json.loads((exported / "manifest.json").read_text(encoding="utf-8"))["sha256"].keys()


def test_a_head_that_looks_at_words_gets_them(write_pipeline: Any, tmp_path: Path) -> None:
    heads = {"ner": {"type": "ner", "pooling": "mean", "shapes": 4}}
    result = train(write_pipeline(tmp_path, heads=heads, training={"export": True}), runs=tmp_path / "runs")
    assert result.notes == []
    record = json.loads((result.model_dir / RECORD).read_text(encoding="utf-8"))
    assert record["inputs"] == ["ids", "mask", "words", "shapes"]
    by_torch, by_onnx = nlu_kit.load(result.model_dir, runtime="torch"), nlu_kit.load(result.model_dir, runtime="onnx")
    for one, other in zip(by_torch.parse_many(TEXTS), by_onnx.parse_many(TEXTS), strict=True):
        assert parity.decisions(one) == parity.decisions(other)


@pytest.mark.parametrize("head", ["crf_ner", "span_ner", "multilabel_intent"])
def test_every_bundled_head_is_exported(head: str, write_pipeline: Any, tmp_path: Path) -> None:
    result = train(write_pipeline(tmp_path, heads={"mine": head}, training={"export": True}), runs=tmp_path / "runs")
    assert result.notes == []
    assert (result.model_dir / GRAPH).is_file()


def branching(self: Any, encoded: Encoded) -> Mapping[str, Tensor]:
    """A head that looks at numbers while it computes can't be traced."""
    factor = 2.0 if encoded.pooled_BD.sum().item() > 0 else 1.0
    return {"logits": factor * self.classifier(encoded.pooled_BD)}


def test_what_can_not_be_exported_predicts_with_torch(
    write_pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlu_kit.heads.modules.SentenceClassifier.forward", branching)
    pipeline = write_pipeline(tmp_path, heads={"intent": "intent"}, training={"export": True})
    result = train(pipeline, runs=tmp_path / "runs")
    (note,) = result.notes
    assert note.startswith("the model predicts with torch only: torch.onnx can't export this network")
    assert not (result.model_dir / GRAPH).exists()
    assert nlu_kit.load(result.model_dir)("play jazz").intent is not None
    with pytest.raises(nlu_kit.ModelError, match="has no graph for the onnx runtime: nlu-kit export"):
        nlu_kit.load(result.model_dir, runtime="onnx")


def test_a_graph_that_decides_otherwise_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(file.name for file in folder.rglob("*"))
    run_batch = parity.run_batch

    def shifted(*arguments: Any, **options: Any) -> Computed:
        computed = run_batch(*arguments, **options)
        intent = {"logits": np.roll(computed.outputs["intent"]["logits"], 1, axis=1)}
        return replace(computed, outputs={**computed.outputs, "intent": intent})

    monkeypatch.setattr(parity, "TOLERANCE", 1e9)
    monkeypatch.setattr(parity, "run_batch", shifted)
    with pytest.raises(NotExportedError, match=r"\d+ of \d+ predictions of the graph differ from torch's"):
        add_graph(open_model(folder, Registry.load()), TEXTS)
    assert sorted(file.name for file in folder.rglob("*")) == before
    assert isinstance(nlu_kit.load(folder).network, TorchNetwork), "it is a model as before"


def test_outputs_that_are_too_far_off_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity, "TOLERANCE", 0.0)
    with pytest.raises(NotExportedError, match=r"differ from torch's by .*, more than 0"):
        add_graph(open_model(folder, Registry.load()), TEXTS)


def test_a_missing_package_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(NotExportedError, match="onnxscript is not installed: pip install onnxscript"):
        add_graph(open_model(folder, Registry.load()), TEXTS)
