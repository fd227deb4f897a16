"""What a graph's large products take in, measured on texts: what their rounding to int8 is fitted to. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.padding import pad

LARGE = 2**16
"""Constants of fewer numbers stay as they are: the last layers of heads, which are quick, and decide."""
_TOKENS = 500


@dataclass(slots=True)
class Activations:
    """The tokens [N, K] that a product took in, summed up: how many, the least number, and by channel the largest
    absolute value [K], the sum [K] and the sums of products [K, K]."""

    count: int
    least: float
    widest: np.ndarray
    total: np.ndarray
    gram: np.ndarray

    @classmethod
    def none(cls, channels: int) -> Activations:
        zeros = np.zeros(channels)
        return cls(0, 0.0, np.zeros(channels, np.float32), zeros, np.zeros((channels, channels), np.float32))

    def add(self, tokens: np.ndarray) -> None:
        self.count += len(tokens)
        self.least = min(self.least, float(tokens.min(initial=0)))
        self.widest = np.maximum(self.widest, np.abs(tokens).max(axis=0, initial=0))
        self.total += tokens.sum(axis=0)
        self.gram += tokens.T @ tokens

    def moments(self, shift: float, scales: np.ndarray) -> np.ndarray:
        """The sums of products [K, K] of ``(tokens - shift) / scales``."""
        shifted: np.ndarray = self.gram - shift * (self.total[:, None] + self.total) + self.count * shift**2
        shifted /= np.outer(scales, scales)
        return shifted


def products(graph: Any) -> list[Any]:
    """The nodes that multiply activations with a large constant matrix: nearly all of a network's time."""
    large = large_constants(graph)
    return [node for node in graph.graph.node if node.op_type == "MatMul" and node.input[1] in large]


def large_constants(graph: Any) -> set[str]:
    """The names of its large matrices."""
    return {one.name for one in graph.graph.initializer if len(one.dims) == 2 and one.dims[0] * one.dims[1] >= LARGE}


def calibrated(
    graph: Any, encodings: Sequence[Encoding], *, pad_id: int, inputs: Sequence[str]
) -> dict[str, Activations]:
    """By the name of what ``products`` take in, what it is on these texts, which are run one by one: no padding."""
    import onnxruntime
    from onnx import ModelProto, TensorProto, helper

    watched = ModelProto()
    watched.CopyFrom(graph)
    names = list(dict.fromkeys(node.input[0] for node in products(graph)))
    watched.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
    measured: dict[str, Activations] = {}
    for texts in _batches(encodings):
        values = [session.run(names, pad([text], pad_id=pad_id, only=inputs)) for text in texts] if names else []
        for name, each in zip(names, zip(*values, strict=True), strict=False):
            tokens = np.concatenate([one.reshape(-1, one.shape[-1]) for one in each])
            measured.setdefault(name, Activations.none(tokens.shape[-1])).add(tokens)
    return measured


def _batches(encodings: Sequence[Encoding]) -> Iterator[Sequence[Encoding]]:
    """Of some hundred tokens, which are summed up at once."""
    batch: list[Encoding] = []
    for encoding in encodings:
        batch.append(encoding)
        if sum(map(len, batch)) >= _TOKENS:
            yield batch
            batch = []
    if batch:
        yield batch
