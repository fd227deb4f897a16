"""A quantised graph is kept only if it decides nearly as torch does; then it is what predicts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
import pytest

import nlu_kit
from nlu_kit.data.example import Example
from nlu_kit.evaluation.data import read_data
from nlu_kit.model.folder import open_model
from nlu_kit.registry import Registry
from nlu_kit.runtime import calibration, quantise
from nlu_kit.runtime.export import add_graph
from nlu_kit.runtime.graph import GRAPH, GRAPH_INT8, RECORD, Int8Check
from nlu_kit.runtime.machine import processor
from nlu_kit.runtime.parity import NotExportedError, decisions
from nlu_kit.runtime.quantise import Int8RefusedError, add_int8, keeps


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    """A model with a full graph only."""
    return Path(shutil.copytree(exported, tmp_path / "model"))


@pytest.fixture(scope="module")
def dev(trained: Any) -> Sequence[Example]:
    return read_data(None, model=trained.model_dir, registry=Registry.load(), split="dev").examples


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 19 utterances, one is more than 3 %; and the encoder's matrices are small."""
    monkeypatch.setattr(quantise, "MOST_CHANGED", 0.1)
    monkeypatch.setattr(calibration, "LARGE", 1024)


def test_it_is_smaller_recorded_and_what_predicts(folder: Path, dev: Sequence[Example]) -> None:
    check = add_int8(open_model(folder, Registry.load()), dev).int8
    assert check is not None
    assert check.utterances == len(dev)
    assert check.different_predictions <= quantise.MOST_CHANGED * len(dev)
    assert check.figures.keys() == check.figures_int8.keys() == {"intent.accuracy", "ner.f1", "exact_match"}
    assert check.cpu
    assert check.times_as_fast is not None
    hashes = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["sha256"]
    assert {GRAPH, GRAPH_INT8, RECORD} <= hashes.keys()
    operators = {node.op_type for node in onnx.load(str(folder / GRAPH_INT8)).graph.node}
    assert {"QuantizeLinear", "MatMulInteger"} <= operators
    small, full = nlu_kit.load(folder), nlu_kit.load(folder, runtime="torch")
    texts = [example.text for example in dev]
    same = [
        one["intent"] == other["intent"]
        for one, other in zip(
            (p.to_json() for p in small.parse_many(texts)), (p.to_json() for p in full.parse_many(texts)), strict=True
        )
    ]
    assert not all(same), "int8's confidences are not torch's: it is the quantised graph that answered"


def test_another_processor_is_told(
    folder: Path, dev: Sequence[Example], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    add_int8(open_model(folder, Registry.load()), dev)
    caplog.clear()
    nlu_kit.load(folder)
    assert caplog.messages == []
    monkeypatch.setattr("nlu_kit.runtime.onnx_runtime.processor", lambda: "Other")
    assert nlu_kit.load(folder)("play jazz").intent is not None
    (told,) = caplog.messages
    assert f"was checked on {processor()}, and this is Other" in told
    caplog.clear()
    nlu_kit.load(folder, runtime="torch")
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("utterances", "different", "f1", "kept"),
    [
        (1000, 100, 0.9, True),
        (1000, 101, 0.9, False),
        (1000, 0, 0.897, True),
        (1000, 0, 0.8969, False),
        (100, 1, 0.89, True),  # one utterance of 100 is a point
        (100, 2, 0.88, False),
        (0, 0, 0.9, True),
    ],
)
def test_what_is_kept(utterances: int, different: int, f1: float, kept: bool) -> None:
    """At most 10 % here (see above) may differ, and the main metric may drop by 0.3 points, or by one utterance."""
    figures = {"ner.f1": 0.9}
    check = Int8Check(
        utterances=utterances, different_predictions=different, figures=figures, figures_int8={"ner.f1": f1}, cpu="any"
    )
    assert keeps(check) is kept


@pytest.mark.parametrize(
    ("different", "f1", "allow", "kept"),
    [
        (50, 0.88, 0.05, True),
        (51, 0.9, 0.05, False),
        (0, 0.8499, 0.05, False),
        (1, 0.9, 0.0, False),
        (0, 0.897, 0.0, True),  # by no prediction, a figure drops by its usual limit at most
        (1000, 0.0, 1.0, True),
    ],
)
def test_what_is_allowed_is_kept(different: int, f1: float, allow: float, kept: bool) -> None:
    """So many may differ, and a figure may drop by as much."""
    check = Int8Check(
        utterances=1000,
        different_predictions=different,
        figures={"ner.f1": 0.9},
        figures_int8={"ner.f1": f1},
        cpu="any",
    )
    assert keeps(check, allow) is kept


def test_it_is_refused_with_the_figures(folder: Path, dev: Sequence[Example], monkeypatch: pytest.MonkeyPatch) -> None:
    """And with what it would gain; what it says to allow is enough."""
    before = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    monkeypatch.setattr(quantise, "MOST_CHANGED", -1.0)
    reason = (
        rf"int8 changes \d+ of {len(dev)} predictions .*ner.f1 [\d.]+ → [\d.]+.* points at most.*"
        r"What int8 gains: [\d.]+ times as fast on this machine, .*\d MB instead of \d+ MB"
    )
    with pytest.raises(Int8RefusedError, match=reason) as refused:
        add_int8(open_model(folder, Registry.load()), dev)
    assert {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()} == before
    assert add_int8(open_model(folder, Registry.load()), dev, allow=refused.value.allow).int8 is not None


def test_a_network_without_large_matrices_has_nothing_to_gain(
    folder: Path, dev: Sequence[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "LARGE", 2**16)
    with pytest.raises(NotExportedError, match="int8 gains nothing here"):
        add_int8(open_model(folder, Registry.load()), dev)
    assert not (folder / GRAPH_INT8).exists()


def test_a_text_is_answered_alone_as_it_is_in_a_batch(folder: Path, dev: Sequence[Example]) -> None:
    """Its integers depend on nothing beside it."""
    add_int8(open_model(folder, Registry.load()), dev, texts=["play jazz", "book a table"])
    model = nlu_kit.load(folder)
    texts = [example.text for example in dev]
    batched, alone = model.parse_many(texts, batch_size=8), [model(text) for text in texts]
    assert [decisions(one) for one in batched] == [decisions(one) for one in alone]
    confidences = [[one.intent.confidence for one in answers if one.intent is not None] for answers in (batched, alone)]
    assert confidences[0] == pytest.approx(confidences[1], abs=1e-5)


def test_a_graph_quantised_by_an_earlier_version_predicts(folder: Path) -> None:
    """By onnxruntime's dynamic quantisation; its record does not say how fast it is."""
    from onnxruntime.quantization import quantize_dynamic

    from nlu_kit.files import write_json
    from nlu_kit.model.manifest import write_manifest

    quantize_dynamic(folder / GRAPH, folder / GRAPH_INT8, per_channel=True, reduce_range=True)
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    figures = {"intent.accuracy": 1.0}
    record["int8"] = {
        "utterances": 9,
        "different_predictions": 0,
        "figures": figures,
        "figures_int8": figures,
        "cpu": processor(),
    }
    write_json(folder / RECORD, record)
    write_manifest(folder)
    assert nlu_kit.load(folder)("play jazz").intent is not None


def test_a_new_full_graph_takes_the_old_quantised_one_away(folder: Path, dev: Sequence[Example]) -> None:
    """It was compared with another graph."""
    registry = Registry.load()
    add_int8(open_model(folder, registry), dev)
    record = add_graph(open_model(folder, registry), ["play jazz"])
    assert record.int8 is None
    assert not (folder / GRAPH_INT8).exists()
    assert nlu_kit.load(folder)("play jazz").intent is not None
