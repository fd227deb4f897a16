"""Prediction without torch: what it loads, what it refuses, and what it survives."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import nlu_kit
from nlu_kit.files import sha256
from nlu_kit.runtime.graph import GRAPH, RECORD
from nlu_kit.runtime.predictor import Predictor

HEAVY = ("torch", "transformers", "sentence_transformers", "accelerate", "sklearn", "scipy", "onnx", "onnxscript")
TEXTS = ["play some jazz", "book a table in Rome", "wake me at noon", ""]


@pytest.fixture(scope="module")
def model(exported: Path) -> Predictor:
    return nlu_kit.load(exported, runtime="onnx")


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "model"))


def rehash(folder: Path) -> None:
    """Let the manifest name the files as they are now: whoever made this folder meant it so."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["sha256"] = {name: sha256(folder / name) for name in manifest["sha256"]}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


@pytest.mark.parametrize("command", [["predict", *TEXTS[:2]], ["evaluate", "data.jsonl", "-q"]])
def test_nothing_heavy_is_imported(command: list[str], exported: Path, tmp_path: Path) -> None:
    record = {"text": "play some jazz", "intent": "play", "entities": [{"start": 10, "end": 14, "label": "genre"}]}
    (tmp_path / "data.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
    script = (
        "import sys\nfrom nlu_kit.cli.main import main\n"
        f"code = main({command!r} + ['--model', {str(exported)!r}])\n"
        f"print(code, sorted(set({HEAVY[:4] if command[0] == 'evaluate' else HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr


def test_it_survives_pickling(model: Predictor) -> None:
    again = pickle.loads(pickle.dumps(model))
    assert again.parse_many(TEXTS) == model.parse_many(TEXTS)


def _answers(texts: list[str]) -> list[str]:
    return [str(prediction) for prediction in _MODEL[0].parse_many(texts)]


_MODEL: list[Predictor] = []


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system does not fork")
def test_it_survives_a_fork(model: Predictor) -> None:
    _MODEL[:] = [model]
    expected = _answers(TEXTS)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(_answers, [TEXTS] * 4) == [expected] * 4


def test_threads_may_share_it(model: Predictor) -> None:
    expected = model.parse_many(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: model.parse_many(TEXTS), range(20))) == [expected] * 20


# --- bad folders ------------------------------------------------------------------------------------------------------


def change_record(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        (folder / RECORD).write_text(json.dumps({**record, **changes}), encoding="utf-8")

    return change


def reads_elsewhere(place: str) -> Callable[[Path], None]:
    """The graph takes a constant from a file that is no part of the model."""

    def change(folder: Path) -> None:
        import onnx

        graph = onnx.load(str(folder / GRAPH), load_external_data=False)
        for one in graph.graph.initializer:
            for entry in one.external_data:
                if entry.key == "location":
                    entry.value = place
        (folder / GRAPH).write_bytes(graph.SerializeToString())
        (folder.parent / "outside.bin").write_bytes((folder / "model.safetensors").read_bytes())

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda folder: (folder / GRAPH).write_bytes(b"no graph"), "can't be run by onnxruntime"),
        (lambda folder: (folder / GRAPH).write_bytes(b""), "can't be run by onnxruntime"),
        (reads_elsewhere("../outside.bin"), "can't be run by onnxruntime"),
        (reads_elsewhere("/etc/passwd"), "can't be run by onnxruntime"),
        (reads_elsewhere("missing.bin"), "can't be run by onnxruntime"),
        (change_record(inputs=["ids"]), "is not the graph that graph.json describes"),
        (change_record(vectors="elsewhere"), "is not the graph that graph.json describes"),
        (change_record(outputs={}), "is not the graph that graph.json describes"),
        (change_record(width=7), "has not the shape of the model"),
        (change_record(format=2), r"graph\.json: format"),
        (change_record(pad_id=10**6), "the tokenizer has no id 1000000"),
        (lambda folder: (folder / RECORD).unlink(), r"graph\.json"),
    ],
)
def test_a_graph_that_is_none_is_named(
    change: Callable[[Path], Any], says: str, copy: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    change(copy)
    if not (copy / RECORD).exists():
        manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
        del manifest["sha256"][RECORD]
        (copy / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    rehash(copy)
    with pytest.raises(nlu_kit.ModelError, match=says):
        nlu_kit.load(copy, runtime="onnx")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", [GRAPH, "model.safetensors", RECORD])
def test_a_flipped_byte_is_found(name: str, copy: Path) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(nlu_kit.ModelError, match=f"damaged: .*{name} has changed"):
        nlu_kit.load(copy, runtime="onnx")


def test_what_it_can_not_do_is_said(exported: Path) -> None:
    with pytest.raises(nlu_kit.ModelError, match="the onnx runtime predicts on the cpu, not on 'cuda'"):
        nlu_kit.load(exported, runtime="onnx", device="cuda")
    with pytest.raises(nlu_kit.ModelError, match="unknown runtime 'tensorrt': auto, onnx or torch"):
        nlu_kit.load(exported, runtime="tensorrt")  # type: ignore[arg-type]
