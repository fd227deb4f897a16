"""A graph's large products in int8: weights of 7 bits with a scale per column, activations of 8 with a scale per token.

A scale for each token, rather than one for all that are computed together, keeps an answer from depending on what else
is in its batch, and one token's largest value from blurring the others. Before that, channels are smoothed
(SmoothQuant): what is large in a channel's activations goes, in part, into its weights, which leaves the product as it
was. Weights keep to 7 bits because processors without VNNI add two products in 16 bits: 2 x 255 x 63 fits, so that the
integers are the same on every processor. All is written with standard operators.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlu_kit.runtime.calibration import Activations, large_constants, products
from nlu_kit.runtime.rounding import column_scales, rounded

WEIGHT_LEVELS = 63
"""The largest integer of a weight."""
SMOOTHING = 0.6
"""How much of a channel's range goes from the activations into the weights: 0 is nothing, 1 is all."""
ONE_SIDED = -0.1
"""Activations of which the least is no more of the largest than this (those of GELU, ReLU) get all 255 levels above
it; others 127 on either side of zero."""
_LEAST_SCALE = 1e-9  # nothing is divided by zero


def to_int8(graph: Any, measured: Mapping[str, Activations]) -> None:
    """Rewrite ``graph`` in place: those of its ``products`` of which ``calibrated`` measured what they take in, and its
    large embeddings, which get a scale per row."""
    constants = _Constants(graph)
    chosen = {node.output[0] for node in products(graph) if node.input[0] in measured}
    tables = _tables(graph)
    sources = {name: _Source.of(graph, name, activations, constants) for name, activations in measured.items()}
    nodes: list[Any] = []
    done: set[str] = set()
    for node in graph.graph.node:
        if node.op_type == "Gather" and node.input[0] in tables:
            nodes += _gathered(node, constants)
        elif node.op_type == "MatMul" and node.output[0] in chosen:
            source = sources[node.input[0]]
            nodes += [] if source.name in done else source.nodes(constants)
            done.add(source.name)
            nodes += source.product(node, constants)
        else:
            nodes.append(node)
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    constants.store(without=tables | {name for source in sources.values() for name in source.weights})


class _Constants:
    """The constants of a graph, which nodes know by name."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph.graph
        self.by_name = {one.name: one for one in self.graph.initializer}

    def __getitem__(self, name: str) -> np.ndarray:
        from onnx import numpy_helper

        return numpy_helper.to_array(self.by_name[name])

    def add(self, name: str, values: Any, dtype: Any = np.float32) -> str:
        """Its name. One that is there stays."""
        from onnx import numpy_helper

        if name not in self.by_name:
            self.by_name[name] = numpy_helper.from_array(np.asarray(values, dtype=dtype), name)
        return name

    def store(self, *, without: Collection[str]) -> None:
        """Into the graph, but for those of ``without`` that nothing reads any more."""
        read = {name for node in self.graph.node for name in node.input}
        del self.graph.initializer[:]
        self.graph.initializer.extend(one for name, one in self.by_name.items() if name in read or name not in without)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What one or more products take in: its numbers are ``(value - shift) / smoothing``, and of each token the largest
    of them is ``levels``. The products' integer weights [K, N] and the scales [N] of their columns are by weights."""

    name: str
    shift: float
    smoothing: np.ndarray
    levels: int
    weights: Mapping[str, tuple[np.ndarray, np.ndarray]]

    @classmethod
    def of(cls, graph: Any, name: str, measured: Activations, constants: _Constants) -> _Source:
        names = list(dict.fromkeys(node.input[1] for node in products(graph) if node.input[0] == name))
        weights = {one: constants[one] for one in names}
        widest = measured.widest
        one_sided = measured.least >= ONE_SIDED * widest.max()
        shift = measured.least if one_sided else 0.0
        heaviest = np.max([np.abs(one).max(axis=1) for one in weights.values()], axis=0)
        smoothing = _smoothing(widest - shift, heaviest)
        # Together: what rounding is fitted to is the same for all.
        smoothed = np.concatenate([one * smoothing[:, None] for one in weights.values()], axis=1)
        scales = column_scales(smoothed, WEIGHT_LEVELS)
        integers = rounded(smoothed, scales, measured.moments(shift, smoothing), WEIGHT_LEVELS)
        ends = np.cumsum([one.shape[1] for one in weights.values()])[:-1]
        parts = zip(np.split(integers, ends, axis=1), np.split(scales, ends), strict=True)
        by_name = dict(zip(names, parts, strict=True))
        levels = 255 if one_sided else 127
        return cls(name=name, shift=shift, smoothing=smoothing, levels=levels, weights=by_name)

    def _of(self, what: str) -> str:
        return f"{self.name}.int8.{what}"

    def _zero_point(self, constants: _Constants) -> str:
        zero = 0 if self.levels == 255 else 128
        return constants.add(f"int8.zero_point.{zero}", zero, np.uint8)

    def nodes(self, constants: _Constants) -> list[Any]:
        """From its numbers to integers, and the largest number of each token."""
        from onnx import helper

        last = constants.add("int8.last_axis", [-1], np.int64)
        least = constants.add("int8.least_scale", _LEAST_SCALE)
        step = constants.add(f"int8.step.{self.levels}", 1 / self.levels)
        factor = constants.add(self._of("factor"), 1 / self.smoothing)
        shifted, smooth, size = self.name, self._of("smooth"), self._of("smooth")
        nodes = []
        if self.shift:
            shifted = self._of("shifted")
            nodes.append(helper.make_node("Sub", [self.name, constants.add(self._of("shift"), self.shift)], [shifted]))
        nodes.append(helper.make_node("Mul", [shifted, factor], [smooth]))
        if self.levels == 127:
            size = self._of("size")
            nodes.append(helper.make_node("Abs", [smooth], [size]))
        return [
            *nodes,
            helper.make_node("ReduceMax", [size, last], [self._of("largest")], keepdims=1),
            helper.make_node("Max", [self._of("largest"), least], [self._of("scale")]),
            helper.make_node("Div", [smooth, self._of("scale")], [self._of("share")]),
            helper.make_node(
                "QuantizeLinear", [self._of("share"), step, self._zero_point(constants)], [self._of("integers")]
            ),
        ]

    def product(self, node: Any, constants: _Constants) -> list[Any]:
        """What takes the place of a MatMul."""
        from onnx import TensorProto, helper

        weights, output = node.input[1], node.output[0]
        integers, scales = self.weights[weights]
        stored = constants.add(f"{weights}.int8.{self.name}", integers, np.int8)
        worth = constants.add(f"{weights}.int8.{self.name}.scale", scales / self.levels)
        whole, real, columns = (f"{output}.int8.{name}" for name in ("whole", "real", "columns"))
        rows = f"{output}.int8.rows" if self.shift else output
        nodes = [
            helper.make_node("MatMulInteger", [self._of("integers"), stored, self._zero_point(constants)], [whole]),
            helper.make_node("Cast", [whole], [real], to=TensorProto.FLOAT),
            helper.make_node("Mul", [real, worth], [columns]),
            helper.make_node("Mul", [columns, self._of("scale")], [rows]),
        ]
        if self.shift:
            back = constants.add(f"{weights}.int8.{self.name}.back", self.shift * constants[weights].sum(axis=0))
            nodes.append(helper.make_node("Add", [rows, back], [output]))
        return nodes


def _smoothing(widest: np.ndarray, heaviest: np.ndarray) -> np.ndarray:
    """By what [K] each channel is divided, of which the geometric mean is 1."""
    small = np.finfo(np.float32).eps
    logs = SMOOTHING * np.log(np.maximum(widest, small)) - (1 - SMOOTHING) * np.log(np.maximum(heaviest, small))
    smoothing: np.ndarray = np.exp(logs - logs.mean()).astype(np.float32)
    return smoothing


def _tables(graph: Any) -> set[str]:
    """The large constants of which rows are gathered, and nothing else is done with."""
    tables = large_constants(graph)
    for node in graph.graph.node:
        by_rows = node.op_type == "Gather" and all(one.name != "axis" or one.i == 0 for one in node.attribute)
        tables -= set(node.input[1:] if by_rows else node.input)
    return tables


def _gathered(node: Any, constants: _Constants) -> Sequence[Any]:
    """Rows of a table of integers, times the scale of each."""
    from onnx import TensorProto, helper

    table, rows = node.input
    output = node.output[0]
    values = constants[table]
    scales = column_scales(values.T, 127)[:, None]
    integers = constants.add(f"{table}.int8", np.round(values / scales), np.int8)
    worth = constants.add(f"{table}.int8.scale", scales)
    whole, real, scale = (f"{output}.int8.row_{name}" for name in ("whole", "real", "scale"))
    return [
        helper.make_node("Gather", [integers, rows], [whole]),
        helper.make_node("Gather", [worth, rows], [scale]),
        helper.make_node("Cast", [whole], [real], to=TensorProto.FLOAT),
        helper.make_node("Mul", [real, scale], [output]),
    ]
