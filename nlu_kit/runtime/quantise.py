"""A quantised graph: int8 weights, a quarter of the size and faster, kept only if it decides nearly as torch does."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Example
from nlu_kit.data.prediction import OUT_OF_SCOPE, Prediction
from nlu_kit.files import write_json, write_whole
from nlu_kit.heads.codec import Codecs
from nlu_kit.model.compute import Run
from nlu_kit.model.folder import WEIGHTS, SavedModel
from nlu_kit.model.manifest import write_manifest
from nlu_kit.model.nlu_model import run_batch
from nlu_kit.model.score import main_metrics, score
from nlu_kit.runtime.calibration import calibrated
from nlu_kit.runtime.export import spread, traced, without_idle_inputs
from nlu_kit.runtime.graph import GRAPH, GRAPH_INT8, RECORD, GraphRecord, Int8Check
from nlu_kit.runtime.int8 import to_int8
from nlu_kit.runtime.machine import processor
from nlu_kit.runtime.onnx_runtime import THREADS
from nlu_kit.runtime.parity import NotExportedError, decisions, exportable, graph_run, predictions_of
from nlu_kit.runtime.torch_runtime import TorchNetwork

MOST_CHANGED = 0.03
"""The largest share of predictions that may differ from torch's."""
LARGEST_DROP = 0.003
"""How much lower a main metric may be; the worth of one utterance, where dev is so small that this is more."""
CALIBRATED = 400
"""How many texts rounding is fitted to."""
_TIMED, _ROUNDS = 24, 5


class Int8RefusedError(NotExportedError):
    """The quantised graph decides too differently; ``allow`` is what would accept it."""

    def __init__(self, message: str, *, allow: float) -> None:
        super().__init__(message)
        self.allow = allow


def add_int8(
    saved: SavedModel, examples: Sequence[Example], *, texts: Sequence[str] = (), allow: float | None = None
) -> GraphRecord:
    """Add a quantised graph to a model that has one. It is fitted to ``texts``, which should be those of train (without
    any, to the examples'), and compared on ``examples``, which should be those of dev.

    ``allow`` is the share of predictions that may differ, and by which a main metric may drop, in place of the limits.
    Raises Int8RefusedError, with the figures and nothing written, where more changes, and NotExportedError where the
    network has nothing to quantise.
    """
    folder = saved.files.folder
    record = saved.files.settings(RECORD, GraphRecord)
    network = TorchNetwork(saved, device="cpu")
    encodings = network.tokenizer.encode([example.text for example in examples])
    fitted = network.tokenizer.encode(texts) if texts else encodings
    what = exportable(saved, network, encodings)
    with TemporaryDirectory(prefix="nlu-kit-") as temporary:
        small = Path(temporary) / GRAPH_INT8
        small.write_bytes(_quantised(network, record, spread(fitted, CALIBRATED)))
        before = predictions_of(what, lambda batch: run_batch(what.model, batch), encodings)
        after = predictions_of(what, graph_run(what, small, record.outputs, record.inputs), encodings)
        metrics = main_metrics(what.codecs)
        figures, figures_int8 = (score(what.codecs, examples, rows) for rows in (before, after))
        full_run, small_run = (
            graph_run(what, file, record.outputs, record.inputs, threads=THREADS) for file in (folder / GRAPH, small)
        )
        check = Int8Check(
            utterances=len(examples),
            different_predictions=_different(before, after, _annotated_fields(what.codecs, examples)),
            figures={name: figures[name] for name in metrics if name in figures},
            figures_int8={name: figures_int8[name] for name in metrics if name in figures},
            cpu=processor(),
            times_as_fast=_times_as_fast(full_run, small_run, spread(encodings, _TIMED)),
        )
        if not keeps(check, allow):
            raise _refusal(check, allow, gain(check, small, folder / WEIGHTS))
        write_manifest(folder, without=(GRAPH, GRAPH_INT8, RECORD))  # until all is whole, torch predicts
        write_whole(folder / GRAPH_INT8, small.read_bytes())
    record = record.model_copy(update={"int8": check})
    write_json(folder / RECORD, record.model_dump())
    write_manifest(folder)
    return record


def _quantised(network: TorchNetwork, record: GraphRecord, encodings: Sequence[Encoding]) -> bytes:
    graph = traced(network.model, record.outputs)
    without_idle_inputs(graph)
    measured = calibrated(graph, encodings, pad_id=network.model.backbone.pad_id, inputs=record.inputs)
    if not measured:
        raise NotExportedError("int8 gains nothing here: the network multiplies with no large matrix")
    to_int8(graph, measured)
    return bytes(graph.SerializeToString())


def _annotated_fields(codecs: Codecs, examples: Sequence[Example]) -> set[str]:
    """The fields of a prediction that matter: all but rankings, in which the order of unlikely labels means nothing."""
    golds = [codec.gold(example) or {} for codec in codecs.values() for example in examples]
    return {OUT_OF_SCOPE, *(field for gold in golds for field in gold)}


def _different(before: Sequence[Prediction], after: Sequence[Prediction], fields: Collection[str]) -> int:
    """For how many utterances one of the ``fields`` differs."""
    rows = [({f: decisions(p).get(f) for f in fields} for p in pair) for pair in zip(before, after, strict=True)]
    return sum(one != other for one, other in rows)


def _times_as_fast(full: Run, small: Run, encodings: Sequence[Encoding]) -> float:
    """Of texts one at a time, as medians of rounds in turn: what else the machine does slows both."""
    seconds: dict[Run, list[float]] = {full: [], small: []}
    for _ in range(_ROUNDS + 1):
        for run, times in seconds.items():
            began = time.perf_counter()
            for encoding in encodings:
                run([encoding])
            times.append(time.perf_counter() - began)
    slow, fast = (statistics.median(times[1:]) for times in seconds.values())  # the first round warms up
    return round(slow / max(fast, 1e-9), 2)


def keeps(check: Int8Check, allow: float | None = None) -> bool:
    """Whether so few predictions differ, and no main metric drops by so much, that the quantised graph may be used."""
    most, drop = limits(check.utterances, allow)
    return check.different_predictions <= most * check.utterances + 1e-9 and _drop(check) <= drop + 1e-9


def limits(utterances: int, allow: float | None) -> tuple[float, float]:
    """The largest share of changed predictions, and the largest drop of a metric."""
    drop = max(LARGEST_DROP, 1 / max(utterances, 1))
    return (MOST_CHANGED, drop) if allow is None else (allow, max(allow, drop))


def _drop(check: Int8Check) -> float:
    """Of the main metric that drops most."""
    return max((value - check.figures_int8[name] for name, value in check.figures.items()), default=0.0)


def _refusal(check: Int8Check, allow: float | None, gained: str) -> Int8RefusedError:
    share = check.different_predictions / max(check.utterances, 1)
    most, drop = limits(check.utterances, allow)
    return Int8RefusedError(
        f"int8 changes {check.different_predictions} of {check.utterances} predictions ({100 * share:.1f} %; at most "
        f"{100 * most:g} % may), and the main figures: {figures_beside(check.figures, check.figures_int8)} (each may "
        f"drop by {100 * drop:.1f} points at most); the model keeps its other graph. What int8 gains: {gained}",
        allow=min(1.0, math.ceil(1000 * max(share, _drop(check)) - 1e-6) / 1000),
    )


def gain(check: Int8Check, small: Path, full: Path) -> str:
    """What the graph in ``small`` gives over the weights in ``full``, such as ``1.9 times as fast on this machine``."""
    sizes = " MB instead of ".join(f"{file.stat().st_size / 2**20:.0f}" for file in (small, full))
    return f"{check.times_as_fast:g} times as fast on this machine, one text at a time, and {sizes} MB"


def figures_beside(before: Mapping[str, float], after: Mapping[str, float]) -> str:
    """``ner.f1 95.20 → 95.10``, in percent."""
    return ", ".join(f"{name} {100 * value:.2f} → {100 * after[name]:.2f}" for name, value in before.items())
