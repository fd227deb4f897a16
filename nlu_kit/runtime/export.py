"""Write a model's network as an ONNX graph, and keep it only if it decides as torch does.

``torch.onnx.export`` traces backbone and heads together, with any number of texts of any length. The graph takes its
weights from model.safetensors, so that they are stored once; what the exporter has transposed is transposed back.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nlu_kit.data.batch import TokenBatch
from nlu_kit.data.encoding import Encoding
from nlu_kit.data.padding import INPUTS, pad
from nlu_kit.data.prediction import Prediction
from nlu_kit.data.printable import printable
from nlu_kit.errors import NluKitError
from nlu_kit.files import parse_json, write_json
from nlu_kit.heads.codec import Codecs
from nlu_kit.model.codecs import build_codecs
from nlu_kit.model.compute import Computed, Run, predict_with
from nlu_kit.model.detector import Scope, load_scope
from nlu_kit.model.folder import BACKBONE, WEIGHTS, SavedModel
from nlu_kit.model.manifest import write_manifest
from nlu_kit.model.nlu_model import NluModel, run_batch
from nlu_kit.runtime.graph import GRAPH, GRAPH_INT8, RECORD, GraphRecord, ParityCheck
from nlu_kit.runtime.torch_runtime import TorchNetwork

OPSET = 20
MOST_CHECKED = 300
"""Dev utterances that the graph is tried with."""
TOLERANCE = 1e-3
"""The largest difference of an output that passes. float32 sums in another order differ by some 1e-5."""
_SMALL = 4096  # bytes of a constant that may stand in the graph itself
_ODD = ("a", "?", "one two", "")
_VECTORS = "vectors"


class NotExportedError(NluKitError):
    """The network can't be exported, or its graph decides otherwise; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exportable:
    """What an export needs: the network with its codecs and detector, and utterances to compare by."""

    model: NluModel
    codecs: Codecs
    scope: Scope | None
    encodings: Sequence[Encoding]


def export_graph(what: Exportable, folder: Path) -> GraphRecord:
    """Write the graph and its record into ``folder``, which has the weights already. Raises NotExportedError, with
    nothing written, where that can't be done."""
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise NotExportedError(f"{', '.join(missing)} is not installed: pip install {' '.join(missing)}")
    what.model.eval()
    encodings = [*what.model.backbone.tokenizer.encode(_ODD), *_spread(what.encodings, MOST_CHECKED)]
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
            vectors=_VECTORS,
            outputs=names,
            width=what.model.backbone.width,
            pad_id=what.model.backbone.pad_id,
            max_length=what.model.backbone.tokenizer.max_length,
            check=_compared(what, file, names, inputs, encodings),
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


def exportable(saved: SavedModel, network: TorchNetwork, encodings: Sequence[Encoding]) -> Exportable:
    scope = None
    if saved.detector is not None and saved.scope is not None:
        scope = load_scope(saved.detector, saved.scope, saved.labels, saved.files)
    codecs = build_codecs(saved.heads, saved.labels, saved.states)
    return Exportable(model=network.model, codecs=codecs, scope=scope, encodings=encodings)


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
    outputs = [_VECTORS, *(output for named in names.values() for output in named.values())]
    with quietly(), torch.no_grad():
        program = torch.onnx.export(
            _Flat(model, names).cpu(),
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
    """Without the exporter's own reports: only nlu-kit's command line prints."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


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


# --- the comparison ---------------------------------------------------------------------------------------------------


def _compared(
    what: Exportable,
    file: Path,
    names: Mapping[str, Mapping[str, str]],
    inputs: Sequence[str],
    encodings: Sequence[Encoding],
) -> ParityCheck:
    """In batches of mixed lengths and one by one. Raises NotExportedError where a prediction or a number differs."""
    graph = graph_run(what, file, names, inputs)

    def network(batch: Sequence[Encoding]) -> Computed:
        return run_batch(what.model, batch)

    largest = max(_difference(network(batch), graph(batch)) for batch in _mixed(encodings))
    if not largest <= TOLERANCE:
        raise NotExportedError(f"the graph's outputs differ from torch's by {largest:.3g}, more than {TOLERANCE:g}")
    pairs = zip(predictions_of(what, network, encodings), predictions_of(what, graph, encodings), strict=True)
    different = sum(decisions(one) != decisions(other) for one, other in pairs)
    if different:
        raise NotExportedError(f"{different} of {len(encodings)} predictions of the graph differ from torch's")
    return ParityCheck(utterances=len(encodings), largest_difference=largest, different_predictions=different)


def graph_run(what: Exportable, file: Path, names: Mapping[str, Mapping[str, str]], inputs: Sequence[str]) -> Run:
    """The graph in ``file`` on a batch. Raises NotExportedError where onnxruntime can't run it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise NotExportedError(f"onnxruntime can't run the graph ({' '.join(str(error).split())[:300]})") from error
    outputs = [_VECTORS, *(output for named in names.values() for output in named.values())]

    def run(batch: Sequence[Encoding]) -> Computed:
        try:
            found = session.run(outputs, pad(batch, pad_id=what.model.backbone.pad_id, only=inputs))
        except Exception as error:
            raise NotExportedError(f"the graph breaks ({' '.join(str(error).split())[:300]})") from error
        arrays = dict(zip(outputs, found, strict=True))
        by_head = {head: {name: arrays[o] for name, o in named.items()} for head, named in names.items()}
        return Computed(outputs=by_head, vectors=arrays[_VECTORS])

    return run


def _spread(encodings: Sequence[Encoding], most: int) -> list[Encoding]:
    """At most so many, evenly over all, and the longest."""
    if not encodings:
        return []
    places = np.unique(np.linspace(0, len(encodings) - 1, min(len(encodings), most)).round().astype(int))
    return [*(encodings[place] for place in places), max(encodings, key=len)]


def _mixed(encodings: Sequence[Encoding]) -> Iterator[Sequence[Encoding]]:
    """Batches of 32 in the order of the data, and some of one text."""
    for start in range(0, len(encodings), 32):
        yield encodings[start : start + 32]
    for encoding in encodings[:8]:
        yield [encoding]


def _difference(one: Computed, other: Computed) -> float:
    pairs = [(one.vectors, other.vectors)]
    pairs += [
        (one.outputs[head][name], other.outputs[head][name]) for head in one.outputs for name in one.outputs[head]
    ]
    if any(a.shape != b.shape for a, b in pairs):
        raise NotExportedError("the graph's outputs have other shapes than torch's")
    return max(float(np.abs(a.astype(np.float64) - b).max(initial=0.0)) for a, b in pairs)


def predictions_of(what: Exportable, run: Run, encodings: Sequence[Encoding]) -> list[Prediction]:
    return predict_with(run, what.codecs, encodings, batch_size=32, scope=what.scope)


def decisions(prediction: Prediction) -> Any:
    """All that a prediction says, but for numbers with fractions: confidences and scores."""
    return _plain(prediction.to_json())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if not isinstance(item, float)}
    return [_plain(item) for item in value] if isinstance(value, list) else value
