"""A quantised graph: int8 weights, a quarter of the size and faster, kept only if it decides nearly as torch does.

Dynamic quantisation by onnxruntime, per channel and with a reduced range: without that, CPUs without VNNI saturate.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from nlu_kit.data.example import Example
from nlu_kit.data.prediction import OUT_OF_SCOPE, Prediction
from nlu_kit.files import write_json, write_whole
from nlu_kit.heads.codec import Codecs
from nlu_kit.model.folder import SavedModel
from nlu_kit.model.manifest import write_manifest
from nlu_kit.model.nlu_model import run_batch
from nlu_kit.model.score import main_metrics, score
from nlu_kit.runtime.export import quietly, traced, without_idle_inputs
from nlu_kit.runtime.graph import GRAPH, GRAPH_INT8, RECORD, GraphRecord, Int8Check
from nlu_kit.runtime.machine import processor
from nlu_kit.runtime.parity import NotExportedError, decisions, exportable, graph_run, predictions_of
from nlu_kit.runtime.torch_runtime import TorchNetwork

MOST_CHANGED = 0.03
"""The largest share of predictions that may differ from torch's."""
LARGEST_DROP = 0.003
"""How much lower a main metric may be; the worth of one utterance, where dev is so small that this is more."""


def add_int8(saved: SavedModel, examples: Sequence[Example]) -> GraphRecord:
    """Add a quantised graph to a model that has one, compared on ``examples``, which should be those of dev.

    Raises NotExportedError, with the figures and nothing written, where it decides too differently.
    """
    folder = saved.files.folder
    record = saved.files.settings(RECORD, GraphRecord)
    network = TorchNetwork(saved, device="cpu")
    encodings = network.tokenizer.encode([example.text for example in examples])
    what = exportable(saved, network, encodings)
    with tempfile.TemporaryDirectory(prefix="nlu-kit-") as temporary:
        small = _quantised(network, record, Path(temporary))
        before = predictions_of(what, lambda batch: run_batch(what.model, batch), encodings)
        after = predictions_of(what, graph_run(what, small, record.outputs, record.inputs), encodings)
        metrics = main_metrics(what.codecs)
        figures, figures_int8 = (score(what.codecs, examples, found) for found in (before, after))
        check = Int8Check(
            utterances=len(examples),
            different_predictions=_different(before, after, _annotated_fields(what.codecs, examples)),
            figures={name: figures[name] for name in metrics if name in figures},
            figures_int8={name: figures_int8[name] for name in metrics if name in figures},
            cpu=processor(),
        )
        _refuse(check)
        write_manifest(folder, without=(GRAPH, GRAPH_INT8, RECORD))  # until all is whole, torch predicts
        write_whole(folder / GRAPH_INT8, small.read_bytes())
    record = record.model_copy(update={"int8": check})
    write_json(folder / RECORD, record.model_dump())
    write_manifest(folder)
    return record


def _annotated_fields(codecs: Codecs, examples: Sequence[Example]) -> set[str]:
    """The fields of a prediction that matter: all but rankings, in which the order of unlikely labels means nothing."""
    golds = [codec.gold(example) or {} for codec in codecs.values() for example in examples]
    return {OUT_OF_SCOPE, *(field for gold in golds for field in gold)}


def _different(before: Sequence[Prediction], after: Sequence[Prediction], fields: Collection[str]) -> int:
    """For how many utterances one of the ``fields`` differs."""
    rows = [({f: decisions(p).get(f) for f in fields} for p in pair) for pair in zip(before, after, strict=True)]
    return sum(one != other for one, other in rows)


def _quantised(network: TorchNetwork, record: GraphRecord, folder: Path) -> Path:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    graph = traced(network.model, record.outputs)
    without_idle_inputs(graph)
    # Else onnxruntime logs advice on how to prepare graphs.
    graph.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")
    (folder / "full.onnx").write_bytes(graph.SerializeToString())
    with quietly():
        quantize_dynamic(
            folder / "full.onnx",
            folder / GRAPH_INT8,
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )
    return folder / GRAPH_INT8


def keeps(check: Int8Check) -> bool:
    """Whether so few predictions differ, and no main metric drops by so much, that the quantised graph may be used."""
    drops = [value - check.figures_int8[name] for name, value in check.figures.items()]
    allowed = largest_drop(check.utterances) + 1e-9
    return check.different_predictions <= MOST_CHANGED * check.utterances and max(drops, default=0.0) <= allowed


def largest_drop(utterances: int) -> float:
    return max(LARGEST_DROP, 1 / max(utterances, 1))


def _refuse(check: Int8Check) -> None:
    """Raises NotExportedError where too much changed."""
    if keeps(check):
        return
    share, drop = check.different_predictions / max(check.utterances, 1), largest_drop(check.utterances)
    raise NotExportedError(
        f"int8 changes {check.different_predictions} of {check.utterances} predictions ({100 * share:.1f} %; at most "
        f"{100 * MOST_CHANGED:.0f} % may), and the main figures: {told(check.figures, check.figures_int8)} (each may "
        f"drop by {100 * drop:.1f} points at most); the model keeps its other graph"
    )


def told(before: Mapping[str, float], after: Mapping[str, float]) -> str:
    """``ner.f1 95.20 → 95.10``, in percent."""
    return ", ".join(f"{name} {100 * value:.2f} → {100 * after[name]:.2f}" for name, value in before.items())
