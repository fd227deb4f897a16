"""Write a model's network as an ONNX graph, and keep it only if it decides as torch does.

``torch.onnx.export`` traces backbone and heads together, with any number of texts of any length. The graph takes its
weights from model.safetensors, so that they are stored once; what the exporter has transposed is transposed back.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nlu_kit.data.batch import TokenBatch
from nlu_kit.data.encoding import Encoding
from nlu_kit.data.padding import INPUTS, pad
from nlu_kit.data.printable import printable
from nlu_kit.errors import NluKitError
from nlu_kit.files import parse_json, write_json
from nlu_kit.model.folder import BACKBONE, WEIGHTS, SavedModel
from nlu_kit.model.manifest import write_manifest
from nlu_kit.model.nlu_model import NluModel, run_batch
from nlu_kit.process import is_ours
from nlu_kit.runtime.graph import GRAPH, GRAPH_INT8, RECORD, GraphRecord
from nlu_kit.runtime.parity import VECTORS, Exportable, NotExportedError, compared, exportable
from nlu_kit.runtime.torch_runtime import TorchNetwork

OPSET = 20
MOST_CHECKED = 300
"""Dev utterances that the graph is tried with."""
_SMALL = 4096  # bytes of a constant that may stand in the graph itself
_ODD = ("a", "?", "one two", "")
_REPORTS = "torch.onnx._internal.exporter._registration"  # the log that names each library that is not installed
_tracing = threading.Lock()  # torch traces with a state of the whole process


def export_graph(what: Exportable, folder: Path) -> GraphRecord:
    """Write the graph and its record into ``folder``, which has the weights already. Raises NotExportedError, with
    nothing written, where that can't be done."""
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise NotExportedError(f"{', '.join(missing)} is not installed: pip install {' '.join(missing)}")
    what.model.eval()
    encodings = [*what.model.backbone.tokenizer.encode(_ODD), *spread(what.encodings, MOST_CHECKED)]
    names = _output_names(what.model, encodings[0])
    try:
        graph = traced(what.model, names)
        _share_weights(graph, folder / WEIGHTS)
        inputs = without_idle_inputs(graph)
    except NluKitError:
        raise
    except Exception as error:
        raise NotExportedError(f"torch.onnx can't export this network ({cause(error)})") from error
    tokenizer = _save_tokenizer(what.model, folder)
    file = folder / GRAPH
    try:
        file.write_bytes(graph.SerializeToString())
        record = GraphRecord(
            format=1,
            opset=OPSET,
            tokenizer=tokenizer,
            inputs=inputs,
            vectors=VECTORS,
            outputs=names,
            width=what.model.backbone.width,
            pad_id=what.model.backbone.pad_id,
            max_length=what.model.backbone.tokenizer.max_length,
            check=compared(what, file, names, inputs, encodings),
        )
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    write_json(folder / RECORD, record.model_dump())
    return record


def cause(error: BaseException) -> str:
    """What an error of the exporter comes from, in a line: what wraps it only says how to debug an exporter."""
    while error.__cause__ is not None:
        error = error.__cause__
    return printable(" ".join(f"{type(error).__name__}: {error}".split()))[:300]


def add_graph(saved: SavedModel, texts: Sequence[str]) -> GraphRecord:
    """Export a model that is saved already, comparing on ``texts``. Whatever goes wrong, the folder stays a model that
    torch can predict with. Raises NotExportedError, and ModelError where the folder can't be read."""
    network, folder = TorchNetwork(saved, device="cpu"), saved.files.folder
    what = exportable(saved, network, network.tokenizer.encode(texts))
    old = (GRAPH, GRAPH_INT8, RECORD)
    write_manifest(folder, without=old)  # what is written next is no part of the model until it is whole
    for name in old:
        (folder / name).unlink(missing_ok=True)
    record = export_graph(what, folder)
    write_manifest(folder)
    return record


def spread(encodings: Sequence[Encoding], most: int) -> list[Encoding]:
    """At most so many, evenly over all, and the longest."""
    if not encodings:
        return []
    places = np.unique(np.linspace(0, len(encodings) - 1, min(len(encodings), most)).round().astype(int))
    return [*(encodings[place] for place in places), max(encodings, key=len)]


# --- tracing ----------------------------------------------------------------------------------------------------------


class _Flat(nn.Module):
    """Tensors in, a tuple of tensors out: what a graph can have."""

    def __init__(self, model: NluModel, names: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__()
        self.model = model
        self.names = names

    def forward(self, ids: Tensor, mask: Tensor, words: Tensor, shapes: Tensor) -> tuple[Tensor, ...]:
        encoded = self.model.encode(TokenBatch(ids, mask, words_BT=words, shapes_BT=shapes))
        outputs = self.model.read(encoded)
        given = [outputs[head][name].float() for head, named in self.names.items() for name in named]
        return encoded.pooled_BD.float(), *given


def _output_names(model: NluModel, encoding: Encoding) -> dict[str, dict[str, str]]:
    """By head and name of the output, its name in the graph."""
    computed = run_batch(model, [encoding])
    return {head: {name: f"{head}.{name}" for name in named} for head, named in computed.outputs.items()}


def traced(model: NluModel, names: Mapping[str, Mapping[str, str]]) -> Any:
    """The graph as a protobuf. Two texts of several tokens: the exporter takes sizes of 0 and 1 for fixed."""
    encodings = model.backbone.tokenizer.encode(["book a table in Paris please", "play some jazz now and then"])
    padded = pad(encodings, pad_id=model.backbone.pad_id)
    sizes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    outputs = [VECTORS, *(output for named in names.values() for output in named.values())]
    with _tracing, quietly(), torch.no_grad():
        program = torch.onnx.export(
            _Flat(model, names).cpu().eval(),
            tuple(torch.from_numpy(padded[name]) for name in INPUTS),
            dynamo=True,
            dynamic_shapes=(sizes,) * len(INPUTS),
            input_names=list(INPUTS),
            output_names=outputs,
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


@contextmanager
def quietly() -> Iterator[None]:
    """Without the exporter's log of this thread. Warnings can be hidden for a whole process only: in one of our own."""
    logger, thread = logging.getLogger(_REPORTS), threading.get_ident()

    def of_others(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger.addFilter(of_others)
    try:
        if not is_ours():
            yield
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.removeFilter(of_others)


# --- one copy of the weights ------------------------------------------------------------------------------------------


def _share_weights(graph: Any, weights: Path) -> None:
    """Let large constants be read from the weights file: those that are a stored tensor, as it is or transposed."""
    from onnx import TensorProto, helper, numpy_helper

    stored, places = _stored(weights)
    transposed: list[Any] = []
    for constant in graph.graph.initializer:
        array = numpy_helper.to_array(constant)
        if array.nbytes <= _SMALL:
            continue
        name = stored.get((array.dtype.str, array.shape, array.tobytes()))
        if name is None and array.ndim == 2:
            original = np.ascontiguousarray(array.T)
            name = stored.get((original.dtype.str, original.shape, original.tobytes()))
            if name is not None:
                source = f"{constant.name}.stored"
                transposed.append(helper.make_node("Transpose", [source], [constant.name], perm=[1, 0]))
                constant.name = source
                constant.dims[:] = original.shape
        if name is None:
            continue
        offset, length = places[name]
        for field in ("raw_data", "float_data", "int32_data", "int64_data"):
            constant.ClearField(field)
        constant.data_location = TensorProto.EXTERNAL
        for key, value in (("location", weights.name), ("offset", str(offset)), ("length", str(length))):
            entry = constant.external_data.add()
            entry.key, entry.value = key, value
    nodes = [*transposed, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)


def _stored(weights: Path) -> tuple[dict[tuple[str, tuple[int, ...], bytes], str], dict[str, tuple[int, int]]]:
    """Each tensor by its content, and where its bytes lie in the file (the format is safetensors')."""
    from safetensors.numpy import load_file

    with weights.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        described = parse_json(stream.read(size).decode("utf-8"))
    places = {
        name: (8 + size + entry["data_offsets"][0], entry["data_offsets"][1] - entry["data_offsets"][0])
        for name, entry in described.items()
        if name != "__metadata__"
    }
    tensors = load_file(str(weights))
    return {(a.dtype.str, a.shape, a.tobytes()): name for name, a in tensors.items()}, places


def without_idle_inputs(graph: Any) -> list[Any]:
    """Remove the inputs that nothing reads, such as words where no head looks at them; those that are left."""
    read = {name for node in graph.graph.node for name in node.input}
    kept = [one for one in graph.graph.input if one.name in read]
    del graph.graph.input[:]
    graph.graph.input.extend(kept)
    return [one.name for one in kept]


def _save_tokenizer(model: NluModel, folder: Path) -> Any:
    """The folder of a tokenizer.json that is the backbone's: its own, where it has stored one as it is."""
    own = folder / "graph"
    own.mkdir(exist_ok=True)
    model.backbone.tokenizer.save(own)
    (saved,) = own.iterdir()
    beside = folder / BACKBONE / saved.name
    if not beside.is_file() or beside.read_bytes() != saved.read_bytes():
        return "graph"
    saved.unlink()
    own.rmdir()
    return "backbone"
