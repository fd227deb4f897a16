"""A small graph of which the products become int8: what its operators are, and how near its numbers stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from nlu_kit.data.encoding import Encoding
from nlu_kit.runtime import calibration
from nlu_kit.runtime.calibration import Activations, calibrated
from nlu_kit.runtime.int8 import WEIGHT_LEVELS, to_int8


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "LARGE", 500)


@pytest.fixture
def graph() -> Any:
    """ids [B, T] -> embeddings of 32 channels, one much larger than the others -> two products of them, one of what
    GELU makes of the first -> a small last layer."""
    generator = np.random.default_rng(0)

    def constant(name: str, *shape: int) -> Any:
        return numpy_helper.from_array(generator.normal(size=shape).astype(np.float32), name)

    table = generator.normal(size=(50, 32)).astype(np.float32)
    table[:, 5] *= 30
    constants = [
        numpy_helper.from_array(table, "table"),
        constant("up", 32, 64),
        constant("aside", 32, 32),
        constant("down", 64, 32),
        constant("last", 32, 3),
    ]
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["embedded"]),
        helper.make_node("MatMul", ["embedded", "up"], ["wide"]),
        helper.make_node("MatMul", ["embedded", "aside"], ["beside"]),
        helper.make_node("Gelu", ["wide"], ["active"]),
        helper.make_node("MatMul", ["active", "down"], ["narrow"]),
        helper.make_node("Add", ["narrow", "beside"], ["sum"]),
        helper.make_node("MatMul", ["sum", "last"], ["scores"]),
    ]
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["B", "T"])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["B", "T", 3])
    body = helper.make_graph(nodes, "small", [ids], [scores], constants)
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def run(graph: Any, ids: np.ndarray) -> np.ndarray:
    onnx.checker.check_model(graph, full_check=True)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    scores: np.ndarray = session.run(["scores"], {"ids": ids})[0]
    return scores


def encodings(count: int = 40) -> list[Encoding]:
    generator = np.random.default_rng(1)
    rows = [tuple(generator.integers(0, 50, size=12).tolist()) for _ in range(count)]
    return [Encoding(text="", ids=ids, words=(), truncated=False) for ids in rows]


def constants(graph: Any) -> dict[str, np.ndarray]:
    return {one.name: numpy_helper.to_array(one) for one in graph.graph.initializer}


@pytest.fixture
def small(graph: Any) -> Any:
    small = onnx.ModelProto()
    small.CopyFrom(graph)
    to_int8(small, calibrated(graph, encodings(), pad_id=0, inputs=["ids"]))
    return small


def test_it_computes_nearly_the_same(graph: Any, small: Any) -> None:
    ids = np.random.default_rng(2).integers(0, 50, size=(20, 9))
    full = run(graph, ids)
    assert np.std(run(small, ids) - full) < 0.02 * np.std(full)


def test_its_operators_are_standard_and_an_input_is_quantised_once(small: Any) -> None:
    kinds = [node.op_type for node in small.graph.node]
    assert {node.domain for node in small.graph.node} == {""}
    assert kinds.count("MatMulInteger") == 3
    assert kinds.count("QuantizeLinear") == 2, "two products read the embeddings"
    assert kinds.count("MatMul") == 1, "the small last layer stays"
    stored = constants(small)
    assert not {"table", "up", "aside", "down"} & stored.keys()
    assert stored["table.int8"].dtype == np.int8
    assert stored["table.int8.scale"].shape == (50, 1)
    assert [one for one in stored if one.endswith(".shift")] == ["active.int8.shift"], "GELU's are one-sided"


def test_two_products_never_exceed_16_bits(small: Any) -> None:
    """Which is how processors without VNNI add them."""
    weights = [array for name, array in constants(small).items() if array.dtype == np.int8 and "table" not in name]
    assert len(weights) == 3
    assert max(np.abs(array.astype(int)).max() for array in weights) <= WEIGHT_LEVELS
    pairs = [np.abs(array.astype(int)).reshape(-1, 2, array.shape[1]).sum(axis=1).max() for array in weights]
    assert 255 * max(pairs) < 2**15


def test_a_token_is_computed_as_if_it_were_alone(small: Any) -> None:
    ids = np.random.default_rng(2).integers(0, 50, size=(6, 9))
    together = run(small, ids)
    assert np.allclose(together[2, 4], run(small, ids[2:3, 4:5])[0, 0], atol=1e-4)


def test_a_table_that_is_more_than_gathered_from_stays(graph: Any) -> None:
    graph.graph.node.append(helper.make_node("ReduceSum", ["table"], ["all"], keepdims=0))
    graph.graph.output.append(helper.make_tensor_value_info("all", TensorProto.FLOAT, []))
    to_int8(graph, calibrated(graph, encodings(), pad_id=0, inputs=["ids"]))
    assert {"table", "up.int8.embedded"} <= constants(graph).keys()


def test_what_is_summed_up_is_what_all_tokens_at_once_give() -> None:
    tokens = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    summed = Activations.none(8)
    for part in np.split(tokens, 5):
        summed.add(part)
    scales = np.arange(1, 9, dtype=np.float32)
    changed = (tokens - 0.5) / scales
    assert np.allclose(summed.moments(0.5, scales), changed.T @ changed, atol=1e-3)
    assert (summed.count, summed.least) == (50, tokens.min())
    assert np.array_equal(summed.widest, np.abs(tokens).max(axis=0))
