"""Another model is copied over one that is in use: what a process has loaded stays, and half a copy is refused."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nlu_kit
from nlu_kit.runtime import onnx_runtime
from nlu_kit.runtime.graph import GRAPH
from nlu_kit.runtime.predictor import load_same

TEXTS = ["play some jazz", "book a table in Rome", "wake me at noon", ""]
# A process of its own: where a file that it has mapped becomes shorter, the system ends it.
ANSWERS = """
import sys
import nlu_kit
from nlu_kit.runtime import onnx_runtime

onnx_runtime._FROM_MEMORY = sys.argv[3]
model = nlu_kit.load(sys.argv[1], runtime=sys.argv[2])
for _ in range(3):
    print([str(prediction) for prediction in model.parse_many(sys.argv[4:])], flush=True)
    sys.stdin.readline()
"""
FROM_MEMORY = onnx_runtime._FROM_MEMORY


def other_weights(file: Path) -> None:
    """As `cp` writes: into the file that is there, from its beginning."""
    size = file.stat().st_size
    with file.open("r+b") as stream:
        stream.write(bytes(size))


def shorter(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.truncate(0)


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "model"))


def files_of(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


@pytest.mark.parametrize(
    ("runtime", "from_memory"),
    [("onnx", FROM_MEMORY), ("onnx", "what onnxruntime 1.22 has not"), ("torch", FROM_MEMORY)],
)
def test_what_is_loaded_stays(runtime: str, from_memory: str, copy: Path) -> None:
    command = [sys.executable, "-c", ANSWERS, str(copy), runtime, from_memory, *TEXTS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        answers = [process.stdout.readline()]
        for change in (other_weights, shorter):
            for file in files_of(copy):
                change(file)
            process.stdin.write("\n")
            process.stdin.flush()
            answers.append(process.stdout.readline())
        process.stdin.close()
    assert process.returncode == 0
    assert answers[0].startswith("[")
    assert answers == answers[:1] * 3


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_no_file_of_it_is_mapped(copy: Path) -> None:
    model = nlu_kit.load(copy, runtime="onnx")
    assert str(copy) not in Path("/proc/self/maps").read_text(encoding="utf-8")
    assert model("play some jazz").intent is not None


def test_another_process_wants_the_same_model(copy: Path, exported: Path) -> None:
    model = nlu_kit.load(copy, runtime="onnx")
    hashes = model.saved.files.hashes
    assert load_same(copy, hashes).parse_many(TEXTS) == model.parse_many(TEXTS)
    packed = pickle.dumps(model)
    with (copy / GRAPH).open("ab") as stream:
        stream.write(b" ")
    with pytest.raises(nlu_kit.ModelError, match=f"{GRAPH} has changed"):
        pickle.loads(packed)
    with pytest.raises(nlu_kit.ModelError, match="is not the one that this began with"):
        load_same(exported, {**(hashes or {}), GRAPH: "0" * 64})


# --- half a copy ------------------------------------------------------------------------------------------------------


def only(*names: str) -> Callable[[Path], Any]:
    """Of another model's files, these have been copied."""

    def change(folder: Path) -> None:
        for name in names:
            file = folder / name
            content = bytearray(file.read_bytes())
            content[len(content) // 2] ^= 1
            file.write_bytes(content)

    return change


def cut(name: str) -> Callable[[Path], Any]:
    def change(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return change


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
@pytest.mark.parametrize(
    "change",
    [
        only("model.safetensors"),
        only("backbone/tokenizer.json"),
        only("model.json", "pipeline.json"),
        only("detector.safetensors"),
        cut("model.safetensors"),
        cut("backbone/tokenizer.json"),
        cut("manifest.json"),
        lambda folder: (folder / "detector.safetensors").unlink(),
        lambda folder: (folder / "manifest.json").unlink(),
    ],
)
def test_half_a_copy_is_refused(change: Callable[[Path], Any], runtime: Any, copy: Path) -> None:
    change(copy)
    with pytest.raises(nlu_kit.ModelError, match=r"damaged|can't be read"):
        nlu_kit.load(copy, runtime=runtime)
