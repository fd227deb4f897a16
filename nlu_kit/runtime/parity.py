"""Does a graph decide as torch does? Both networks run on the same utterances; outputs and predictions are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.padding import pad
from nlu_kit.data.prediction import Prediction
from nlu_kit.errors import NluKitError
from nlu_kit.heads.codec import Codecs
from nlu_kit.model.codecs import build_codecs
from nlu_kit.model.compute import Computed, Run, predict_with
from nlu_kit.model.decode import decode
from nlu_kit.model.detector import Scope, load_scope
from nlu_kit.model.folder import SavedModel
from nlu_kit.model.nlu_model import NluModel, run_batch
from nlu_kit.runtime.graph import ParityCheck
from nlu_kit.runtime.machine import cores
from nlu_kit.runtime.torch_runtime import TorchNetwork

VECTORS = "vectors"
"""The graph's output with the sentence vectors."""
TOLERANCE = 1e-3
"""The largest difference of an output that passes. float32 sums in another order differ by some 1e-5."""


class NotExportedError(NluKitError):
    """The network can't be exported, or its graph decides otherwise; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exportable:
    """What an export needs: the network with its codecs and detector, and utterances to compare by."""

    model: NluModel
    codecs: Codecs
    scope: Scope | None
    encodings: Sequence[Encoding]


def exportable(saved: SavedModel, network: TorchNetwork, encodings: Sequence[Encoding]) -> Exportable:
    scope = None
    if saved.detector is not None and saved.scope is not None:
        scope = load_scope(saved.detector, saved.scope, saved.labels, saved.files)
    codecs = build_codecs(saved.heads, saved.labels, saved.states)
    return Exportable(model=network.model, codecs=codecs, scope=scope, encodings=encodings)


def compared(
    what: Exportable,
    file: Path,
    names: Mapping[str, Mapping[str, str]],
    inputs: Sequence[str],
    encodings: Sequence[Encoding],
) -> ParityCheck:
    """In batches of mixed lengths and one by one. Raises NotExportedError where a prediction or a number differs."""
    graph = graph_run(what, file, names, inputs)
    largest, different = 0.0, 0
    for batch in _mixed(encodings):
        torchs, graphs = run_batch(what.model, batch), graph(batch)
        difference = _difference(torchs, graphs)
        if not difference <= TOLERANCE:  # NaN included
            said = f"the graph's outputs differ from torch's by {difference:.3g}, more than {TOLERANCE:g}"
            raise NotExportedError(said)
        largest = max(largest, difference)
        found = [decode(one.outputs, one.vectors, what.codecs, batch, what.scope) for one in (torchs, graphs)]
        different += sum(decisions(one) != decisions(other) for one, other in zip(*found, strict=True))
    if different:
        raise NotExportedError(f"{different} of {len(encodings)} predictions of the graph differ from torch's")
    return ParityCheck(utterances=len(encodings), largest_difference=largest, different_predictions=different)


def graph_run(
    what: Exportable, file: Path, names: Mapping[str, Mapping[str, str]], inputs: Sequence[str], *, threads: int = 0
) -> Run:
    """The graph in ``file`` on a batch; 0 threads are as many as it may use cores. Raises NotExportedError where
    onnxruntime can't run it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads or cores()
    try:
        session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
    except Exception as error:
        raise NotExportedError(f"onnxruntime can't run the graph ({' '.join(str(error).split())[:300]})") from error
    outputs = [VECTORS, *(output for named in names.values() for output in named.values())]

    def run(batch: Sequence[Encoding]) -> Computed:
        try:
            found = session.run(outputs, pad(batch, pad_id=what.model.backbone.pad_id, only=inputs))
        except Exception as error:
            raise NotExportedError(f"the graph breaks ({' '.join(str(error).split())[:300]})") from error
        arrays = dict(zip(outputs, found, strict=True))
        by_head = {head: {name: arrays[o] for name, o in named.items()} for head, named in names.items()}
        return Computed(outputs=by_head, vectors=arrays[VECTORS])

    return run


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
