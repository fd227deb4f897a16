"""What a model folder says of its exported graph: which input and output is what. No torch, no onnxruntime."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nlu_kit.params import Params

GRAPH, GRAPH_INT8, RECORD = "model.onnx", "model.int8.onnx", "graph.json"
"""The graph, which takes its weights from model.safetensors; the quantised one, which has its own; and their record."""

Count = Annotated[int, Field(ge=0, le=2**40)]
Name = Annotated[str, Field(min_length=1, max_length=500)]
Share = Annotated[float, Field(ge=0, le=1)]


class ParityCheck(Params):
    """How the graph was compared with torch before it was kept: over how many utterances, the largest difference of any
    output, and for how many another prediction was decoded (which must be none)."""

    utterances: Count
    largest_difference: float = Field(ge=0, le=1e30)
    different_predictions: Count


class Int8Check(Params):
    """How the quantised graph was compared with torch on annotated utterances before it was kept: for how many another
    prediction was decoded, and the main metrics of both. ``cpu`` says where; another may round differently.
    ``times_as_fast`` as the full graph it was there (older records don't say)."""

    utterances: Count
    different_predictions: Count
    figures: dict[Name, Share]
    figures_int8: dict[Name, Share]
    cpu: Annotated[str, Field(max_length=200)]
    times_as_fast: float | None = Field(default=None, ge=0, le=1e9)


class GraphRecord(Params):
    """``inputs`` are those arrays of ``nlu_kit.data.padding.pad`` that the graph takes; ``vectors`` is the output with
    the sentence vectors; ``outputs`` has the name of each head's outputs in the graph."""

    format: Literal[1]
    opset: int = Field(ge=1, le=1000)
    tokenizer: Literal["backbone", "graph"] = Field(description="The folder of tokenizer.json.")
    inputs: list[Literal["ids", "mask", "words", "shapes"]] = Field(min_length=1)
    vectors: Name
    outputs: dict[Name, dict[Name, Name]]
    width: int = Field(ge=1, le=2**24)
    pad_id: int = Field(ge=0, le=2**31)
    max_length: int = Field(ge=1, le=2**24)
    check: ParityCheck
    int8: Int8Check | None = None
