"""How many predictions differ between torch, the graph and the int8 graph, on each model's own dev and test sets, and
how much faster int8 is.

    python benchmarks/decisions.py runs/starter/latest runs/snips/latest runs/atis/latest runs/clinc150/latest

Prints one line a model and writes benchmarks/results/decisions.json. The quantised graph is made on a copy, and not
gated, so that its figures show also where it would be refused. Speed is that of whole answers to texts of test on one
thread, one at a time and in batches of 32: medians of rounds in turn.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from machine import machine

import nlu_kit
from nlu_kit import Predictor
from nlu_kit.data.example import Example
from nlu_kit.data.prediction import Prediction
from nlu_kit.evaluation.data import read_data
from nlu_kit.model.folder import find_model, open_model
from nlu_kit.model.score import main_metrics, score
from nlu_kit.registry import Registry
from nlu_kit.runtime.export import add_graph
from nlu_kit.runtime.parity import decisions
from nlu_kit.runtime.quantise import add_int8

RESULTS = Path(__file__).parent / "results" / "decisions.json"
TIMED, ROUNDS = 160, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+")
    rows = []
    for model in parser.parse_args().models:
        rows.append(compared(model))
        print(json.dumps(rows[-1]), flush=True)
    results = {"machine": machine(), "date": date.today().isoformat(), "models": rows}
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def compared(model: Path) -> dict[str, Any]:
    registry = Registry.load()
    folder = find_model(model)
    train, dev, test = (
        read_data(None, model=folder, registry=registry, split=split).examples for split in ("train", "dev", "test")
    )
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(shutil.copytree(folder, Path(temporary) / "model"))
        record = add_graph(open_model(copy, registry), [example.text for example in dev])
        models = {"torch": nlu_kit.load(copy, runtime="torch"), "onnx": nlu_kit.load(copy)}
        began = time.perf_counter()
        add_int8(open_model(copy, registry), dev, texts=[example.text for example in train], allow=1.0)
        seconds = time.perf_counter() - began
        models["int8"] = nlu_kit.load(copy)
    return {
        "model": open_model(folder, registry).name,
        "largest_difference_on_dev": record.check.largest_difference,
        "int8_seconds": round(seconds, 1),
        "splits": {name: on_split(models, examples) for name, examples in (("dev", dev), ("test", test))},
        "int8_times_as_fast": times_as_fast(models["onnx"], models["int8"], [e.text for e in test[:TIMED]]),
    }


def on_split(models: Mapping[str, Predictor], examples: Sequence[Example]) -> dict[str, Any]:
    predictions = {kind: model.parse_many([e.text for e in examples]) for kind, model in models.items()}
    codecs = models["torch"].codecs
    names = main_metrics(codecs)
    figures = {kind: score(codecs, examples, rows) for kind, rows in predictions.items()}
    return {
        "utterances": len(examples),
        "different": {kind: different(predictions["torch"], predictions[kind]) for kind in ("onnx", "int8")},
        "figures": {kind: {name: round(100 * rows[name], 2) for name in names} for kind, rows in figures.items()},
    }


def times_as_fast(full: Predictor, small: Predictor, texts: Sequence[str]) -> dict[str, float]:
    ways: dict[str, Callable[[Predictor], object]] = {
        "one": lambda model: [model(text) for text in texts],
        "batches": lambda model: model.parse_many(texts, batch_size=32),
    }
    ratios = {}
    for name, answer in ways.items():
        seconds: dict[str, list[float]] = {"full": [], "small": []}
        for _ in range(ROUNDS):
            for kind, model in (("full", full), ("small", small)):
                began = time.perf_counter()
                answer(model)
                seconds[kind].append(time.perf_counter() - began)
        ratios[name] = round(statistics.median(seconds["full"]) / statistics.median(seconds["small"]), 2)
    return ratios


def different(one: Sequence[Prediction], other: Sequence[Prediction]) -> dict[str, int]:
    """``all``: anything but a confidence, the order of the ranking included; ``decided``: all but the ranking."""
    pairs = [(decisions(a), decisions(b)) for a, b in zip(one, other, strict=True)]
    unranked = [tuple({k: v for k, v in side.items() if k != "intents"} for side in pair) for pair in pairs]
    return {"all": sum(a != b for a, b in pairs), "decided": sum(a != b for a, b in unranked)}


if __name__ == "__main__":
    main()
